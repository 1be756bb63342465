"""Tables and figures of Bhardwaj et al., "Efficient Video Classification Using Fewer Frames", CVPR 2019."""
