"""The server's answers to requests: predictions, maps, and refusals that say what to do."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import small
from PIL import Image
from starlette.testclient import TestClient

import cvkit
from cvkit.prediction.opened import opened_file
from cvkit.serving.answers import Answers
from cvkit.serving.application import application
from cvkit.serving.served_model import ServedModel

LIMIT = 100_000


@pytest.fixture(scope="module")
def model(tmp_path_factory, unrendered) -> cvkit.Model:
    """The model of a small run."""
    folder = tmp_path_factory.mktemp("runs")
    return cvkit.load(cvkit.train(small.RECIPE, set={"train.epochs": 1}, output=folder, progress=False))


@pytest.fixture(scope="module")
def client(model) -> Iterator[TestClient]:
    """A client of the application."""
    served = application(Answers(ServedModel.of_run(model)), LIMIT, ("localhost",))
    with TestClient(served, base_url="http://localhost") as made:
        yield made


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """An image of another size and shape than the model's."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))


@pytest.fixture(scope="module")
def upload(picture) -> bytes:
    """The same image as the bytes of a PNG file."""
    content = io.BytesIO()
    picture.save(content, "png")
    return content.getvalue()


def test_predictions_are_those_of_the_loaded_model(client, model, picture, upload):
    """To the bit: the upload is read and framed as a file is."""
    found = client.post("/predict?top=4", content=upload).json()
    expected = model.predict(picture, top=4)
    assert [(each["class"], each["probability"]) for each in found["predictions"]] == expected.ranked()
    assert found["labels"] == list(expected.labels)


def test_three_classes_are_returned_unless_top_says_how_many(client, upload):
    """And all of them if there are fewer."""
    counts = [
        len(client.post(f"/predict{query}", content=upload).json()["predictions"]) for query in ("", "?top=999")
    ]
    assert counts == [3, 10]


def test_map_is_of_the_named_class_or_of_the_most_probable_one(client, upload):
    """As a picture in the answer, with the name of the method."""
    best = client.post("/predict", content=upload).json()["predictions"][0]["class"]
    usual, other = (client.post(f"/explain{query}", content=upload).json() for query in ("", "?class=star"))
    assert (usual["class"], other["class"]) == (best, "star")
    assert usual["map"].startswith("data:image/png;base64,")
    assert usual["method"] == "grad_cam"


def test_model_is_described(client, model):
    """The names of the classes in the order of the model, and the size of its input."""
    found = client.get("/model").json()
    assert found["classes"] == list(model.classes)
    assert found["input"] == {"channels": 3, "height": 32, "width": 32}
    assert (found["checkpoint"], found["maps"], found["notes"]) == (model.checkpoint, True, [])


@pytest.fixture(scope="module")
def client_of_file(model, tmp_path_factory) -> Iterator[TestClient]:
    """A client of the application with the same model as an exported file."""
    file = model.export("onnx", output=tmp_path_factory.mktemp("exports")).file
    opened = opened_file(file, trusted=False)
    with TestClient(application(Answers(ServedModel.of_file(opened)), LIMIT, ("localhost",))) as made:
        made.base_url = "http://localhost"
        yield made


def test_exported_file_predicts_as_its_run(client, client_of_file, upload):
    """With the same keys and, within the error of floating-point numbers, the same probabilities."""
    of_run, of_file = (each.post("/predict?top=10", content=upload).json() for each in (client, client_of_file))
    assert of_file.keys() == of_run.keys()
    assert of_file["labels"] == of_run["labels"]
    first, second = ({each["class"]: each["probability"] for each in of["predictions"]} for of in (of_run, of_file))
    assert second == pytest.approx(first, abs=1e-4)
    assert client_of_file.post("/predict", content=b"<html>").status_code == 400


def test_exported_file_says_that_it_has_no_maps(client_of_file, model, upload):
    """Before a request, and in the answer to a request for a map, with what to do for one."""
    about = client_of_file.get("/model").json()
    assert (about["name"], about["maps"], about["classes"]) == ("model.onnx", False, list(model.classes))
    assert about["checkpoint"] == model.checkpoint
    assert model.folder.name in about["summary"]
    refused = client_of_file.post("/explain", content=upload)
    assert (refused.status_code, refused.json()["error"]) == (501, about["notes"][0])
    assert "the folder of its run" in about["notes"][0]


@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_upload_that_is_no_image_is_refused_without_a_path_of_the_server(client, path):
    """The refusal is JSON, and the server goes on."""
    answer = client.post(path, content=b"<html>")
    assert answer.status_code == 400
    assert "image" in answer.json()["error"]
    assert "/" not in answer.json()["error"]


def test_upload_above_the_limit_is_refused(client):
    """Also if the request does not say how long it is."""
    for content in (b"0" * (LIMIT + 1), iter([b"0" * LIMIT, b"0"])):
        assert client.post("/predict", content=content).status_code == 413


def test_image_with_too_many_pixels_is_refused(client):
    """A small file can have more pixels than fit into memory."""
    bomb = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "png")
    assert len(bomb.getvalue()) < LIMIT
    answer = client.post("/predict", content=bomb.getvalue())
    assert (answer.status_code, "pixels" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/predict?top=0", 400),
        ("/predict?top=x", 400),
        ("/predict?top=²", 400),
        (f"/predict?top=000000001{'9' * 5000}", 400),
        ("/predict?top=000000001999", 400),
        ("/explain?class=stra", 400),
    ],
)
def test_wrong_value_of_a_request_is_refused(client, upload, path, status):
    """With a sentence, as JSON."""
    answer = client.post(path, content=upload)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_misspelt_class_is_answered_with_the_nearest_one(client, upload):
    """As on the command line."""
    assert "'star'" in client.post("/explain?class=stra", content=upload).json()["error"]


def test_form_is_refused_with_the_way_to_send_an_image(client, upload):
    """Many clients send forms; the endpoint takes the bytes themselves."""
    answer = client.post("/predict", files={"file": upload})
    assert (answer.status_code, "--data-binary" in answer.json()["error"]) == (415, True)


def test_empty_body_is_refused(client):
    """Instead of an error of the image library."""
    assert client.post("/predict").status_code == 400


def test_request_for_another_host_is_refused(client, upload):
    """A page elsewhere could give this machine a name of its own and read the answers."""
    assert client.get("/model", headers={"host": "example.com"}).status_code == 400


def test_request_of_another_web_page_is_refused(client, upload):
    """A browser sends it with the page's origin, although the page cannot read the answer."""
    codes = [
        client.post("/predict", content=upload, headers={"origin": origin}).status_code
        for origin in ("http://example.com", "null", "http://[", "http://localhost")
    ]
    assert codes == [403, 403, 403, 200]


@pytest.mark.parametrize("path", ["/../pyproject.toml", "/etc/passwd", "/static/page.js", "/predict"])
def test_no_file_is_served(client, path):
    """There is one page, and it contains everything."""
    assert client.get(path).status_code in (404, 405)


def test_page_needs_nothing_from_elsewhere(client):
    """No address in an attribute; the policy allows its own script and style by their digests."""
    answer = client.get("/")
    addresses: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            addresses.extend(value or "" for name, value in attributes if name in ("src", "href"))

    Reader().feed(answer.text)
    assert addresses == ["data:,"]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert len(re.findall(r"'sha256-[^']+'", policy)) == 2


def test_fault_of_the_server_reveals_no_path(model, upload, caplog):
    """The log has it; the visitor can do nothing about it."""

    def broken(path, top):
        raise cvkit.DataError("'/home/somebody/photos' cannot be read")

    served = replace(ServedModel.of_run(model), predict=broken)
    with TestClient(application(Answers(served), LIMIT, ("localhost",)), base_url="http://localhost") as made:
        answer = made.post("/predict", content=upload)
    assert (answer.status_code, "/home" in answer.text) == (500, False)
    assert "/home/somebody/photos" in caplog.text


def test_wrong_method_is_answered_with_the_right_one(client):
    """As JSON, like every refusal."""
    assert client.get("/predict").json()["error"] == "/predict does not answer GET; allowed: POST"


def test_interrupted_upload_is_no_error_of_the_server(model):
    """A browser that leaves the page ends the connection; the server logs no traceback."""
    served = application(Answers(ServedModel.of_run(model)), LIMIT, ("localhost",))
    sent: list[dict[str, object]] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", b"5000")],
        "scheme": "http",
        "server": ("localhost", 80),
    }
    messages = iter([{"type": "http.request", "body": b"x" * 100, "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, object]:
        return next(messages)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    asyncio.run(served(scope, receive, send))
    assert sent[0]["status"] == 400
