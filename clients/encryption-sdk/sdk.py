"""sdk.py encrypt|decrypt KEYRING KEY [PEER]: what is on standard input, with the AWS Encryption SDK. Keyrings are kms, mrk, mrk-discovery, of which KEY
is the Region, and ecdh, which encrypts with the key KEY for the key PEER, and decrypts with KEY."""
import sys

import aws_encryption_sdk
import boto3
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    CreateAwsKmsEcdhKeyringInput, CreateAwsKmsKeyringInput, CreateAwsKmsMrkDiscoveryKeyringInput, CreateAwsKmsMrkKeyringInput,
    KmsEcdhStaticConfigurationsKmsPrivateKeyToStaticPublicKey, KmsEcdhStaticConfigurationsKmsPublicKeyDiscovery,
    KmsPrivateKeyToStaticPublicKeyInput, KmsPublicKeyDiscoveryInput)

what, keyring, key = sys.argv[1:4]
providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
kms = boto3.client("kms", region_name=key.split(":")[3] if ":" in key else key)
if keyring == "kms":
    keys = providers.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=kms))
elif keyring == "mrk":
    keys = providers.create_aws_kms_mrk_keyring(CreateAwsKmsMrkKeyringInput(kms_key_id=key, kms_client=kms))
elif keyring == "mrk-discovery":
    keys = providers.create_aws_kms_mrk_discovery_keyring(CreateAwsKmsMrkDiscoveryKeyringInput(kms_client=kms, region=key))
elif keyring == "ecdh":
    if what == "encrypt":
        scheme = KmsEcdhStaticConfigurationsKmsPrivateKeyToStaticPublicKey(KmsPrivateKeyToStaticPublicKeyInput(
            sender_kms_identifier=key, recipient_public_key=kms.get_public_key(KeyId=sys.argv[4])["PublicKey"]))
    else:
        scheme = KmsEcdhStaticConfigurationsKmsPublicKeyDiscovery(KmsPublicKeyDiscoveryInput(recipient_kms_identifier=key))
    keys = providers.create_aws_kms_ecdh_keyring(CreateAwsKmsEcdhKeyringInput(key_agreement_scheme=scheme, curve_spec="ECC_NIST_P256", kms_client=kms))
result, _ = getattr(aws_encryption_sdk.EncryptionSDKClient(), what)(
    source=sys.stdin.buffer.read(), keyring=keys, encryption_context={"app": "story"})
sys.stdout.buffer.write(result)
