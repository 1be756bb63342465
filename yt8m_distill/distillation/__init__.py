"""Teachers' outputs as training targets."""
