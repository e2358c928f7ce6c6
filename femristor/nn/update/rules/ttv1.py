"""TTv1 (Tiki-Taka): a fast array takes the gradient, its columns are written straight to the slow one.

    for each sample (x, d):
        A <- pulsed update(x, d, eta_A)
        every transfer_every samples, next column k:
            v = A e_k                                     read through an ADC, with read noise
            C[:, k] <- pulsed outer product of v and e_k, of mean lr transfer_lr v

The input line k carries a bit in each of `slots` slots, row i one with probability min(1, lr transfer_lr |v_i|/(delta_C
slots)): the mean of the pulsed outer product without needing the largest |v|, so that rows stay apart.
Its weak point is known: v counts from 0, so that A's symmetry point must lie there.
Source: Gokmen and Haensch, Front. Neurosci. 14, 103 (2020); IBM aihwkit, `TransferCompound`.
"""

from femristor.nn.update.rules.agad import AgadSettings


def ttv1_settings(
    *,
    fast_lr: float = 0.1,
    transfer_every: int = 3,
    transfer_lr: float = 1.0,
    slots: int = 5,
    **others,
) -> AgadSettings:
    """Settings of TTv1.

    Args:
        fast_lr: rate of the fast array, in units of a full pulse train (`auto_scale`).
        transfer_every: samples between two column reads.
        transfer_lr: factor on the rate of the slow array.
        slots: most pulses of a cell in one transfer.
        **others: pulse train, read and scale settings of `AgadSettings`.

    Returns:
        AgadSettings that say so.
    """
    return AgadSettings(
        fast_lr=fast_lr,
        transfer_every=transfer_every,
        transfer_lr=transfer_lr,
        reference="static",
        chop=False,
        direct_slots=slots,
        name="ttv1",
        **others,
    )
