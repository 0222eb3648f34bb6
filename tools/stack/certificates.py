"""`make certificates`: a private authority, and what each service shows to other machines.

The authority's key stays in `run/authority`. Beside the other secrets of each service, in
`volumes/secrets` or `run/secrets`, come

    <who>/ca.crt     the authority, for everybody
    <who>/tls.crt    certificate and key of a service that others call
    <who>/tls.key
    redis/tls.conf   has the Redis of compose listen with them, too

Made again, the authority stays and the certificates are new.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facepipe.make_secrets import HOLDERS, REDIS, write_privately
from facepipe.queue.redis_acl import WORKER
from tools.stack.errors import StackError

CA, CERT, KEY = "ca.crt", "tls.crt", "tls.key"
AUTHORITY_DAYS, DAYS = 3650, 730
_HERE = ("localhost", "127.0.0.1", "::1")
# As the container sees its own folder.
_OF_REDIS = """\
tls-port 6380
tls-cert-file /secrets/tls.crt
tls-key-file /secrets/tls.key
tls-ca-cert-file /secrets/ca.crt
tls-auth-clients no
tls-protocols "TLSv1.2 TLSv1.3"
"""
# Clocks of other hosts may be behind.
_EARLIER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, folder: Path) -> Authority:
        """The one whose files are in the folder, else a new one."""
        crt, key_file = folder / CA, folder / "ca.key"
        if crt.exists() and key_file.exists():
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise StackError(f"{key_file} is no key that this verb made")
            return cls(x509.load_pem_x509_certificate(crt.read_bytes()), key)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("facepipe authority")
        certificate = (
            _begun(name, name, key, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(is_authority=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_privately(key_file, _private_pem(key))
        crt.write_text(_pem(certificate))
        return cls(certificate, key)

    def issue(self, who: str, names: Sequence[str]) -> tuple[str, str]:
        """Certificate and key of a service, in PEM, good for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = (
            _begun(_name(who), self.certificate.subject, key, DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(is_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(list(map(_general, names))), critical=False)
            .add_extension(identifier, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return _pem(certificate), _private_pem(key)

    @property
    def pem(self) -> str:
        return _pem(self.certificate)


def make_certificates(authority_folder: Path, secrets: Path, names: Sequence[str]) -> None:
    """Writes what every holder of secrets needs.

    Args:
        authority_folder: where the authority is, or comes to be.
        secrets: with a folder for each of those who have some.
        names: names and addresses at which other machines reach this one.

    Raises:
        StackError: a name is none, or a folder cannot be written.
    """
    try:
        authority = Authority.of(authority_folder)
        for who in (*HOLDERS, REDIS):
            folder = secrets / who
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_privately(folder / CA, authority.pem)
            if who != WORKER:  # nobody calls it
                cert, key = authority.issue(who, (*names, who, *_HERE))
                write_privately(folder / KEY, key)
                write_privately(folder / CERT, cert)
        write_privately(secrets / REDIS / "tls.conf", _OF_REDIS)
    except (OSError, ValueError) as error:
        raise StackError(f"the certificates cannot be made: {error}") from error


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
