"""Forward and training steps with PyTorch, eager; `Steps` is as in jax_steps.py."""

import gc

import torch
from keras import ops
from parts.process_memory import peak_memory, reset_peak_memory

from yt8m_distill.losses import cross_entropy


class Steps:
    """The steps of a model, and the device that makes them; see the module."""

    @property
    def memory_is(self):
        return "largest sum of allocations" if self.has_gpu() else "peak of the process"

    def device(self):
        return torch.cuda.get_device_name() if self.has_gpu() else "cpu"

    def has_gpu(self):
        return torch.cuda.is_available()

    def set_precision(self, name):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"

    def forward(self, model, batch):
        @torch.no_grad()
        def predict():
            return model(batch, training=False)["predictions"]

        return predict

    def train(self, model, optimizer, batch, labels):
        def advance():
            model.zero_grad()
            loss = _loss(labels, model(batch, training=True))
            loss.backward()
            variables = model.trainable_variables
            with torch.no_grad():
                optimizer.apply([variable.value.grad for variable in variables], variables)
            return loss

        return advance

    def wait(self, result):
        if self.has_gpu():
            torch.cuda.synchronize()

    def reset_memory(self):
        torch.cuda.reset_peak_memory_stats() if self.has_gpu() else reset_peak_memory()

    def memory(self):
        return torch.cuda.max_memory_allocated() if self.has_gpu() else peak_memory()

    def release(self):
        gc.collect()
        torch.cuda.empty_cache()


def _loss(labels, outputs):
    return ops.mean(cross_entropy(labels, outputs["predictions"]))
