"""The section of a card that shows how to load the model. Tests run what it shows."""

from __future__ import annotations

from flows.reporting.exports.network import tensors_of
from flows.storage.payload import Payload

tokens_of_text = {
    "character": "[characters.index(character) for character in text]",
    "byte": "list(text.encode())",
}
section = """\
`vocabulary.json` is a list: {vocabulary}, in the order of the tokens. Reading starts with a hidden state of zeros;
`logits` are the scores of the next {unit} before the softmax.

In PyTorch, where `tokens` has the shape (length, batch):

```python
import torch
from safetensors.torch import load_file

model = torch.nn.RNN({V}, {H}, dtype=torch.{dtype})
model.linear = torch.nn.Linear({H}, {V}, dtype=torch.{dtype})
model.load_state_dict(load_file("model.safetensors"))

states, hidden = model(torch.nn.functional.one_hot(tokens, {V}).to(torch.{dtype}))
logits = model.linear(states)
```

In onnxruntime, with `tokens` of int64. `model.onnx` is in float32, and there if the package onnx was installed at the
export:

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
hidden = np.zeros((1, tokens.shape[1], {H}), np.float32)
logits, hidden = session.run(["logits", "last_hidden"], {{"tokens": tokens, "hidden": hidden}})
```

In numpy, for one `text`:

```python
import json
import numpy as np
from safetensors.numpy import load_file

characters = json.load(open("vocabulary.json", encoding="utf-8"))
tokens = {encode}
w, hidden = load_file("model.safetensors"), np.zeros({H}, np.{dtype})
for token in tokens:
    hidden = np.tanh(w["weight_ih_l0"][:, token] + w["weight_hh_l0"] @ hidden + w["bias_ih_l0"])
logits = w["linear.weight"] @ hidden + w["linear.bias"]
```

PyTorch adds two biases in the hidden layer; the second one, `bias_hh_l0`, is zero.

{tensors}"""


def loading(payload: Payload) -> str:
    """How to load the network in PyTorch, onnxruntime and numpy, and its tensors."""
    vocabulary, parameters = payload.vocabulary, payload.state.parameters
    is_text = vocabulary.unit == "character"
    rows = [
        f"| `{name}` | {' × '.join(map(str, array.shape))} |"
        for name, array in tensors_of(parameters).items()
    ]
    return section.format(
        vocabulary="the character of each token" if is_text else "the value of each byte",
        unit=vocabulary.unit,
        V=parameters.vocabulary_size,
        H=parameters.hidden_size,
        dtype=parameters.bh.dtype.name,
        encode=tokens_of_text[vocabulary.unit],
        tensors="\n".join(["| tensor of model.safetensors | shape |", "| --- | --- |", *rows]),
    )
