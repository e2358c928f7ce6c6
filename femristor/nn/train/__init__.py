"""Training: data, jobs with checkpoints, MNIST, text, hardware-aware training, experiments of run cards."""
