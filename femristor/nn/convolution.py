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
from femristor.nn.state import CrossbarState
from femristor.nn.tiling import analog_linear


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
            InputError: other channels, or an image smaller than the kernel.
        """
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise InputError(
                f"An image of shape {tuple(x.shape)} does not fit; give (batch, {self.in_channels}, height, width)."
            )
        sizes = [
            (
                x.shape[2 + axis]
                + 2 * self.padding[axis]
                - self.dilation[axis] * (self.kernel_size[axis] - 1)
                - 1
            )
            // self.stride[axis]
            + 1
            for axis in (0, 1)
        ]
        if min(sizes) < 1:
            raise InputError(
                f"An image of {x.shape[2]} x {x.shape[3]} pixels is smaller than the kernel {self.kernel_size}; pad it."
            )
        patches = unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)
        product = self.tile(patches.transpose(1, 2))
        return product.transpose(1, 2).reshape(x.shape[0], self.out_channels, *sizes)
