"""sdk.py encrypt|decrypt KEY: what is on standard input, with the AWS Encryption SDK."""
import sys

import aws_encryption_sdk
import boto3
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import CreateAwsKmsKeyringInput

what, key = sys.argv[1:]
keyring = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig()).create_aws_kms_keyring(
    CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=boto3.client("kms")))
result, _ = getattr(aws_encryption_sdk.EncryptionSDKClient(), what)(
    source=sys.stdin.buffer.read(), keyring=keyring, encryption_context={"app": "story"})
sys.stdout.buffer.write(result)
