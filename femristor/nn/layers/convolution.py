"""`AnalogConv2d`: a convolution whose kernels are the rows of a crossbar.

Every patch of the image is one input vector, `y = W unfold(x)` (im2col): rows are output channels, columns the
channels times the kernel's pixels (and the bias). A pulsed update sees the patches one after the other.
Source: Gokmen et al., Front. Neurosci. 11, 538 (2017).
"""

import torch
from torch.nn.functional import unfold
from torch.nn.modules.utils import _pair as pair

from femristor.core.errors import InputError
from femristor.nn.devices.parameters import Device
from femristor.nn.layers.contract import Needs, check_input, patch_counts
from femristor.nn.layers.numbers import numbered
from femristor.nn.layers.state import CrossbarState
from femristor.nn.layers.tiling import analog_linear


class AnalogConv2d(CrossbarState):
    """Two-dimensional convolution on a crossbar; the arguments of `torch.nn.Conv2d` with zero padding.

    Args:
        in_channels: channels of the image.
        out_channels: channels of the result.
        kernel_size: pixels of a kernel, one number or (height, width).
        device: what is under each cell.
        stride: of the patches.
        padding: zeros around the image.
        dilation: between pixels of a kernel.
        **options: `max_tile`, `reference`, `rule`, `bias`, `seed`, `number`, `weight`, scales, converters or periphery of
            `AnalogLinear`; `weight` is
            (out_channels, in_channels * height * width + bias).

    Raises:
        InputError: sizes below 1, or what `AnalogLinear` refuses.
    """

    @numbered
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        *,
        device: Device,
        stride=1,
        padding=0,
        dilation=1,
        **options,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding, self.dilation = map(
            pair, (kernel_size, stride, padding, dilation)
        )
        if min(in_channels, out_channels, *self.kernel_size, *self.stride, *self.dilation) < 1:
            raise InputError(
                "A convolution needs channels, kernel, stride and dilation of 1 or more; correct its sizes."
            )
        if min(self.padding) < 0:
            raise InputError(f"A padding of {self.padding} is not possible; give 0 or more.")
        self.in_channels, self.out_channels = in_channels, out_channels
        pixels = in_channels * self.kernel_size[0] * self.kernel_size[1]
        self.tile = analog_linear(pixels, out_channels, device=device, **options)
        self.tile.is_part = True
        shape = f"(batch, {in_channels}, height, width)"
        self._needs = Needs(in_channels, axis=-3, ranks=(4,), words=shape, what="channels")

    def extra_repr(self) -> str:
        """Text inside the layer's repr."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve.

        Args:
            x: (batch, in_channels, height, width).

        Returns:
            (batch, out_channels, new height, new width).

        Raises:
            InputError: other axes or channels, no floating point, an empty batch, another device, NaN or infinity, an image
                smaller than the kernel.
        """
        check_input(self, x, self._needs, where=self.tile.where, values=self.training)
        window = {"kernel": self.kernel_size, "stride": self.stride}
        sizes = patch_counts(self, x.shape[2:], padding=self.padding, dilation=self.dilation, **window)
        patches = unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)
        product = self.tile(patches.transpose(1, 2))
        return product.transpose(1, 2).reshape(x.shape[0], self.out_channels, *sizes)
