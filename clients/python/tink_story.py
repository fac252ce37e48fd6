"""Tink encrypts data with a data key of its own, which a key in KMS wraps."""
import boto3
import tink
from tink import aead
from tink.integration import awskms

aead.register()
uri = "aws-kms://" + boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
template = aead.aead_key_templates.AES256_GCM
remote = awskms.new_client(boto3_client=boto3.client("kms"), key_uri=uri).get_aead(uri)
envelope = aead.KmsEnvelopeAead(template, remote)
ciphertext = envelope.encrypt(b"secret", b"data")
assert envelope.decrypt(ciphertext, b"data") == b"secret"
wrapped = remote.encrypt(b"secret", b"data")
try:
    remote.decrypt(wrapped, b"other")
    raise SystemExit("opens with other associated data")
except tink.TinkError:
    pass
print("  tink: ok")
