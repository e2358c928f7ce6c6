"""Changes of inputs: numbers, units, keys, nesting, encodings, bytes; and of HDF5 its types, shapes and links."""

import io
import json
import re

import h5py
import numpy as np

from femristor.core.store.file import HEADER_BYTES, seal

LONGEST = 4_000_000
"""Most bytes that a change adds."""
NUMBER = re.compile(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
NUMBERS = [
    b"0", b"-1", b"1e308", b"1e-320", b"-1e30", b"nan", b"inf", b"-inf", b"1e400", b"12345678901234567890123", b"15,5",
    b"1_000", b"0x1F", b"1e", b"--1", b"", b"abc", b"true", b"1.5.2", b"\xd9\xa3", b"1e5", b"3.14159", b"-0.0", b"1d3", b"5 000",
    b"\xe2\x88\x921", b"1e-3", b"2147483648", b"9223372036854775808", b"1" * 400,
]  # fmt: skip
UNITS = [
    b"nm", b"V", b"K", b"eV", b"parsec", b"nm nm", b"", b"m^999", b"1/0 m", b"nm**nm", b"\xc2\xb5m", b"MHz/uS", b"degC", b"mol", b"%",
    b"S/m", b"__import__('os')", b"nm; x", b"(nm", b"m/m/m/m", b"1/m^3",
]  # fmt: skip
TEXTS = [
    b"", b" ", b"a\nb", b"x" * 3000, "ä\u2028ü".encode(), b"\x00", b"\x1b[31m", b"</script><script>alert(1)</script>", b"'; DROP",
    b"$(touch owned)", b"\\", b"\"", b"%n%s", b"\xff\xfe", b"../../../x", b".control\nshell touch owned\n.endc", b"nan", b"{", b"[[",
    "\u202eabc".encode(), b"lrs", b"N=1e400", b"\r\n", b"\t", b"=cmd|' /C calc'!A0",
]  # fmt: skip


def text_change(draw: np.random.Generator, content: bytes) -> tuple[bytes, str]:
    """One change of a text file.

    Args:
        draw: generator.
        content: the file.

    Returns:
        The changed file, and what was done.
    """
    name = str(draw.choice(list(TEXT_CHANGES), p=_weights(TEXT_CHANGES)))
    return TEXT_CHANGES[name][1](draw, content), name


def _weights(table: dict) -> np.ndarray:
    weights = np.array([entry[0] for entry in table.values()], dtype=float)
    return weights / weights.sum()


def _pick(draw, entries):
    return entries[int(draw.integers(len(entries)))]


def _number(draw, content: bytes) -> bytes:
    found = list(NUMBER.finditer(content))
    if not found:
        return content + _pick(draw, NUMBERS)
    at = _pick(draw, found)
    new = _pick(draw, NUMBERS)
    if draw.random() < 0.3:
        new = b"%.6g" % (float(at[0]) * 10.0 ** float(draw.uniform(-12, 12)))
    return content[: at.start()] + new + content[at.end() :]


def _unit(draw, content: bytes) -> bytes:
    found = list(re.finditer(rb'(?<=\d )[A-Za-z/^*0-9 -]+(?=")|(?<=_)[A-Za-z]+(?=[,\n])', content))
    if not found:
        return _number(draw, content)
    at = _pick(draw, found)
    return content[: at.start()] + _pick(draw, UNITS) + content[at.end() :]


def _quoted(draw, content: bytes) -> bytes:
    found = list(re.finditer(rb'"[^"\n]*"', content)) or list(re.finditer(rb"[^,\n]+", content))
    at = _pick(draw, found) if found else None
    if at is None:
        return _pick(draw, TEXTS)
    quote = b'"' if at[0].startswith(b'"') else b""
    new = _pick(draw, TEXTS)
    if quote and draw.random() < 0.6:
        # Escapes, so that the file stays valid TOML and the text itself arrives.
        new = json.dumps(new.decode("utf-8", "replace")).encode()[1:-1].replace(b"\\ud", b"u")
    return content[: at.start()] + quote + new + quote + content[at.end() :]


def _lines(draw, content: bytes, change) -> bytes:
    lines = content.split(b"\n")
    change(lines, int(draw.integers(len(lines))))
    return b"\n".join(lines)


def _drop_line(draw, content):
    return _lines(draw, content, lambda lines, at: lines.pop(at))


def _double_line(draw, content):
    return _lines(draw, content, lambda lines, at: lines.insert(at, lines[at]))


def _move_line(draw, content):
    return _lines(
        draw, content, lambda lines, at: lines.insert(int(draw.integers(len(lines))), lines.pop(at))
    )


def _many_lines(draw, content):
    count = int(draw.choice([100, 20000]))

    def repeat(lines, at):
        lines[at:at] = [lines[at]] * min(count, LONGEST // (1 + len(lines[at])))

    return _lines(draw, content, repeat)


def _cut(draw, content):
    return content[: int(draw.integers(len(content)))]


def _slice_out(draw, content):
    first, last = sorted(int(n) for n in draw.integers(len(content) + 1, size=2))
    return content[:first] + content[last:]


def _flip(draw, content):
    changed = bytearray(content)
    for _ in range(int(draw.integers(1, 6))):
        changed[int(draw.integers(len(changed)))] ^= 1 << int(draw.integers(8))
    return bytes(changed)


def _noise(draw, content):
    at = int(draw.integers(len(content)))
    return content[:at] + draw.bytes(int(draw.integers(1, 40))) + content[at:]


def _encoding(draw, content):
    text = content.decode("utf-8", "replace")
    return text.encode(str(draw.choice(["utf-16", "utf-8-sig", "latin-1", "utf-32", "cp037"])), "replace")


def _separator(draw, content):
    return content.replace(b",", _pick(draw, [b";", b"\t", b" ", b",,", b"|"]))


def _comma(_draw, content):
    return re.sub(rb"(\d)\.(\d)", rb"\1,\2", content)


def _nest(draw, content):
    deep = int(draw.choice([50, 5000]))
    new = _pick(
        draw,
        [
            b"x = " + b"[" * deep + b"]" * deep,
            b"[" + b".".join([b"a"] * deep) + b"]",
            b"x = " + b"{a=" * deep,
        ],
    )
    return content + b"\n" + new + b"\n" if draw.random() < 0.7 else new + b"\n" + content


def _key(draw, content):
    found = list(re.finditer(rb"(?m)^\[?\[?[A-Za-z_.]+|(?<=[{,] )[a-z_]+(?= =)", content))
    if not found:
        return _quoted(draw, content)
    at = _pick(draw, found)
    new = _pick(
        draw,
        [
            at[0] + b"x",
            at[0][:-1],
            b"value",
            b'"' + _pick(draw, TEXTS[:8]) + b'"',
            at[0].upper(),
            b"schema_version",
            b"",
        ],
    )
    return content[: at.start()] + new + content[at.end() :]


def _empty(draw, _content):
    return _pick(draw, [b"", b"\n", b"\xef\xbb\xbf", b"#\n", b",\n", b"\x1f\x8b\x08\x00ab", b"\x00" * 100])


def _ends(draw, content):
    return content.replace(b"\n", _pick(draw, [b"\r\n", b"\r", b"\n\n", b""]))


TEXT_CHANGES = {
    "number": (8, _number), "unit": (3, _unit), "text": (4, _quoted), "key": (4, _key), "line gone": (2, _drop_line),
    "line twice": (1, _double_line), "line moved": (1, _move_line), "many lines": (1, _many_lines), "cut": (2, _cut),
    "part gone": (2, _slice_out), "flipped bits": (2, _flip), "noise": (1, _noise), "encoding": (1, _encoding),
    "separator": (1, _separator), "decimal comma": (1, _comma), "nesting": (1, _nest), "empty": (1, _empty), "ends of lines": (1, _ends),
}  # fmt: skip


def hdf5_change(draw: np.random.Generator, content: bytes) -> tuple[bytes, str]:
    """One change of a stored result; most are sealed again, as a stranger could.

    Args:
        draw: generator.
        content: the file.

    Returns:
        The changed file, and what was done.
    """
    if draw.random() < 0.25:
        name, change = _pick(
            draw, [("cut", _cut), ("flipped bits", _flip), ("part gone", _slice_out), ("noise", _noise)]
        )
        return change(draw, content), name
    if draw.random() < 0.15:
        return seal(_flip(draw, content[HEADER_BYTES:])), "flipped bits, sealed"
    image = io.BytesIO(content)
    name = str(draw.choice(list(HDF5_CHANGES)))
    with h5py.File(image, "a") as file:
        HDF5_CHANGES[name](draw, file)
    return seal(image.getvalue()[HEADER_BYTES:]), name


def _nodes(file, kind) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, node: names.append(name) if isinstance(node, kind) else None)
    return names


def _replaced(draw, file, make) -> None:
    names = _nodes(file, h5py.Dataset)
    if not names:
        return _plain(draw, file)
    name = _pick(draw, names)
    values = file[name][()]
    del file[name]
    made = make(np.asarray(values))
    if made is not None:
        file[name] = made
    return None


def _other_type(draw, file):
    kinds = ["i8", "f4", "u1", "c16", "?", "S5", "f2", ">f8"]
    _replaced(draw, file, lambda values: np.nan_to_num(np.real(values)).astype(str(draw.choice(kinds))))


def _other_shape(draw, file):
    def reshape(values):
        flat = values.ravel()
        shapes = [values[None], np.zeros((0,)), np.zeros((0, 3)), flat]
        if values.ndim:
            shapes += [values.T, flat[:1], flat[:0], values[..., :-1]]
        return _pick(draw, shapes)

    _replaced(draw, file, reshape)


def _other_values(draw, file):
    def change(values):
        changed = np.array(values, dtype=float)
        new = float(_pick(draw, [np.nan, np.inf, -1.0, 0.0, 1e300, -1e300, 1e-310, 1e9]))
        if draw.random() < 0.4 or changed.ndim == 0:
            changed[...] = new
        elif changed.size:
            changed.flat[int(draw.integers(changed.size))] = new
        return changed.astype(values.dtype) if values.dtype.kind == "f" else changed

    with np.errstate(all="ignore"):
        _replaced(draw, file, change)


def _unsorted(draw, file):
    _replaced(
        draw,
        file,
        lambda values: _pick(draw, [values[::-1], np.zeros_like(values)]) if values.ndim else values,
    )


def _text(draw, file):
    _replaced(draw, file, lambda _values: _pick(draw, TEXTS).replace(b"\0", b"").decode("utf-8", "replace"))


def _gone(draw, file):
    _replaced(draw, file, lambda _values: None)


def _null(draw, file):
    _replaced(draw, file, lambda _values: h5py.Empty("f8"))


def _soft(draw, file):
    _replaced(draw, file, lambda _values: h5py.SoftLink(str(draw.choice(["/", "/nothing", "/plain"]))))


def _external(draw, file):
    _replaced(
        draw, file, lambda _values: h5py.ExternalLink(str(draw.choice(["other.h5", "/dev/zero"])), "/x")
    )


def _huge(draw, file):
    name = _pick(draw, _nodes(file, h5py.Dataset) or ["x"])
    if name in file:
        del file[name]
    shape = _pick(draw, [(700_000_000,), (1 << 40,), (30000, 30000), (1 << 20, 1 << 20, 1 << 20)])
    file.create_dataset(
        name, shape=shape, dtype="f8", chunks=tuple(min(n, 1000) for n in shape), compression="gzip"
    )


def _raw(draw, file):
    name = _pick(draw, _nodes(file, h5py.Dataset) or ["x"])
    if name in file:
        del file[name]
    file.create_dataset(name, shape=(10,), dtype="f8", external=[("/dev/zero", 0, 80)])


def _circle(draw, file):
    name = _pick(draw, ["", *_nodes(file, h5py.Group)])
    (file[name] if name else file)["again"] = file


def _attribute(draw, file):
    node = _pick(draw, [file, *[file[name] for name in _nodes(file, h5py.Group)]])
    name = _pick(draw, list(node.attrs) or ["x"])
    node.attrs[name] = _pick(
        draw,
        [7, -1, 1 << 62, 1.5, "", "x" * 1000, np.zeros(5), h5py.Empty("f8"), "[1]", "null", b"\xff", "{"],
    )


def _plain(draw, file) -> None:
    """A number, a text or an entry in the JSON of a group."""
    nodes = [
        node for node in [file, *[file[name] for name in _nodes(file, h5py.Group)]] if "plain" in node.attrs
    ]
    if not nodes:
        return _attribute(draw, file)
    node = _pick(draw, nodes)
    table = json.loads(node.attrs["plain"])
    place = table
    while isinstance(place, dict) and place:
        key = _pick(draw, list(place))
        if isinstance(place[key], dict) and place[key] and draw.random() < 0.7:
            place = place[key]
            continue
        if draw.random() < 0.15:
            del place[key]
        else:
            place[key] = _pick(
                draw,
                [
                    None,
                    -1,
                    0,
                    1e300,
                    10**30,
                    float("nan"),
                    "",
                    "x\ny",
                    [],
                    {},
                    True,
                    [1, "a"],
                    ".control\nshell touch owned",
                ],
            )
        break
    node.attrs["plain"] = json.dumps(table) if draw.random() < 0.9 else "[" * 5000
    return None


def _group(draw, file):
    names = _nodes(file, h5py.Group)
    if not names:
        return _plain(draw, file)
    name = _pick(draw, names)
    del file[name]
    if draw.random() < 0.5:
        file[name] = np.zeros(3)
    return None


def _more(draw, file):
    file[f"more{int(draw.integers(10))}"] = np.zeros(int(draw.integers(1, 1000)))


HDF5_CHANGES = {
    "another type": _other_type, "another shape": _other_shape, "values": _other_values, "values again": _other_values,
    "order": _unsorted, "text for numbers": _text, "array gone": _gone, "null": _null, "soft link": _soft,
    "external link": _external, "huge": _huge, "raw storage": _raw, "circle": _circle, "attribute": _attribute,
    "entry": _plain, "entry again": _plain, "group": _group, "one more": _more,
}  # fmt: skip
