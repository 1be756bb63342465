"""One file a command; the only place that knows absl flags."""
