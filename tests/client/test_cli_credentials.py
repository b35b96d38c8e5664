"""`atomlens.client.cli.credentials`."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from atomlens.client.cli.credentials import add_arguments, credentials_of
from atomlens.client.cli.main import main
from atomlens.client.credentials import Credentials, Tls

TOKEN = {"ATOMLENS_TOKEN": "sesame"}
FILE = {"ATOMLENS_TOKEN_FILE": "t"}
CA = {"ATOMLENS_SERVER_CA": "a"}
OWN = {"ATOMLENS_CLIENT_CERT": "c", "ATOMLENS_CLIENT_KEY": "k"}


@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        ([], {}, Credentials()),
        (["--tls"], {}, Credentials(Tls())),
        (["--tls-ca", "x"], {}, Credentials(Tls("x"))),
        (["--tls-cert", "x", "--tls-key", "y"], {}, Credentials(Tls(cert="x", key="y"))),
        (["--tls-name", "host"], {}, Credentials(Tls(server_name="host"))),
        (["--token-file", "x", "--insecure-token"], {}, Credentials(None, Path("x"), True)),
        ([], CA | OWN, Credentials(Tls("a", "c", "k"))),
        (["--tls-ca", "x"], CA | OWN, Credentials(Tls("x", "c", "k"))),
        (["--no-tls"], CA | OWN, Credentials()),
        ([], TOKEN, Credentials(None, "sesame")),
        ([], FILE, Credentials(None, Path("t"))),
        ([], TOKEN | FILE, Credentials(None, "sesame")),
        (["--token-file", "x"], TOKEN | FILE, Credentials(None, Path("x"))),
        ([], {"ATOMLENS_TOKEN": "", "ATOMLENS_SERVER_CA": ""}, Credentials()),
    ],
)
def test_flags_come_before_variables(
    flags: list[str], environment: dict[str, str], expected: Credentials
) -> None:
    """Any file of TLS turns it on, and `--no-tls` turns it off whatever variables say."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert credentials_of(parser.parse_args(flags), environment) == expected


@pytest.mark.parametrize(
    "flags", [["--tls"], ["--tls-ca", "x"], ["--tls-name", "x"], ["--token-file", "x"], ["--insecure-token"]]
)
def test_models_in_this_process_need_none(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A flag that would do nothing is an error."""
    assert main(["models", *flags]) == 2
    assert f"`{flags[0]}` is for a server, leave it out without `--server`" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["explain", "h.xyz"], ["models"], ["probe", "h.xyz", "-AH"], ["bench"]])
def test_every_command_that_asks_a_server_takes_them(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is not there is named, before anything is asked."""
    monkeypatch.chdir(tmp_path)
    Path("h.xyz").write_text("2\n\nH 0 0 0\nH 0 0 0.7\n")
    missing = tmp_path / "missing.pem"
    assert main([*command, "--server", "127.0.0.1:1", "--tls-ca", str(missing)]) == 2
    assert f"`ca` {missing} cannot be read: No such file or directory" in capsys.readouterr().err
