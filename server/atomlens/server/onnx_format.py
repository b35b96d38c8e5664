"""ONNX format: the messages of a graph file, as far as one must read them to know whether to trust it.

Names and numbers of the fields are those of the ONNX format; whatever is not named here is passed over.
They are declared in a pool of their own, beside those of the `onnx` package where that is installed.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Fields = dict[str, tuple[int, str]]  # number and kind by name; a kind that is a list is in brackets
PACKAGE = "atomlens.onnx_format"
MESSAGES: dict[str, Fields] = {
    "ModelProto": {
        "graph": (7, "GraphProto"),
        "opset_import": (8, "[OperatorSetIdProto]"),
        "training_info": (20, "[Opaque]"),
        "functions": (25, "[FunctionProto]"),
    },
    "OperatorSetIdProto": {"domain": (1, "string"), "version": (2, "int64")},
    "FunctionProto": {
        "name": (1, "string"),
        "node": (7, "[NodeProto]"),
        "opset_import": (9, "[OperatorSetIdProto]"),
        "domain": (10, "string"),
        "attribute_proto": (11, "[AttributeProto]"),
    },
    "GraphProto": {
        "node": (1, "[NodeProto]"),
        "initializer": (5, "[TensorProto]"),
        "sparse_initializer": (15, "[Opaque]"),
    },
    "NodeProto": {
        "op_type": (4, "string"),
        "attribute": (5, "[AttributeProto]"),
        "domain": (7, "string"),
    },
    "AttributeProto": {
        "t": (5, "TensorProto"),
        "g": (6, "GraphProto"),
        "tensors": (10, "[TensorProto]"),
        "graphs": (11, "[GraphProto]"),
        "sparse_tensor": (22, "Opaque"),
        "sparse_tensors": (23, "[Opaque]"),
    },
    "TensorProto": {
        "dims": (1, "[int64]"),
        "name": (8, "string"),
        "external_data": (13, "[Opaque]"),
        "data_location": (14, "int32"),
    },
    "Opaque": {},
}
SCALARS = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,  # names need not be text to be refused
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
}


def parse(content: bytes) -> Any:
    """Return the ModelProto that a file holds.

    Raises:
        google.protobuf.message.DecodeError: it holds none.
    """
    return _MODEL.FromString(content)


def _declare(file: descriptor_pb2.FileDescriptorProto, name: str, fields: Fields) -> None:
    message = file.message_type.add(name=name)
    for field, (number, kind) in fields.items():
        one = message.field.add(name=field, number=number)
        repeated, plain = kind.startswith("["), kind.strip("[]")
        one.label = one.LABEL_REPEATED if repeated else one.LABEL_OPTIONAL
        if plain in SCALARS:
            one.type = SCALARS[plain]
        else:
            one.type, one.type_name = one.TYPE_MESSAGE, f".{PACKAGE}.{plain}"


def _model_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="onnx_format.proto", package=PACKAGE, syntax="proto2")
    for name, fields in MESSAGES.items():
        _declare(file, name, fields)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.ModelProto"))


_MODEL = _model_class()
