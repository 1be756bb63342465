"""What a model costs: weights, bytes and multiply-adds."""
