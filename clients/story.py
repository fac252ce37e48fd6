"""The story of story.md through boto3."""

import json

import boto3
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
APP = f"arn:aws:iam::{ACCOUNT}:role/app"


def document(action, resource, **more):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]})


def refused(code, call, **arguments):
    """Makes a call that must fail with code, and returns AWS's message."""
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert error.response["ResponseMetadata"]["RequestId"], error
        return error.response["Error"].get("Message", "")
    raise AssertionError(f"{code} expected")


def session(key):
    return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken"))


# 1
iam = boto3.client("iam")
iam.create_user(UserName="bob")
bob = session(iam.create_access_key(UserName="bob")["AccessKey"])
role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)["Role"]
# An account's number comes back as its root's ARN.
assert role["Arn"] == APP and role["AssumeRolePolicyDocument"] == json.loads(TRUST.replace(f'"{ACCOUNT}"', f'"arn:aws:iam::{ACCOUNT}:root"')), role

# 2
sts = bob.client("sts")
identity = sts.get_caller_identity()
assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/bob" and identity["Account"] == ACCOUNT, identity
message = refused("AccessDenied", sts.assume_role, RoleArn=APP, RoleSessionName="story")
assert f"user/bob is not authorized to perform: sts:AssumeRole on resource: {APP}" in message, message

# 3
iam.put_user_policy(UserName="bob", PolicyName="assume", PolicyDocument=document("sts:AssumeRole", APP))
assumed = sts.assume_role(RoleArn=APP, RoleSessionName="story")
app = session(assumed["Credentials"])
identity = app.client("sts").get_caller_identity()
assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/app/story", identity
assert identity["UserId"] == assumed["AssumedRoleUser"]["AssumedRoleId"] == role["RoleId"] + ":story", identity

# 4
root_kms, kms = boto3.client("kms"), app.client("kms")
key = root_kms.create_key(Description="of the story")["KeyMetadata"]
root_kms.create_alias(AliasName="alias/story", TargetKeyId=key["KeyId"])
encrypt = {"KeyId": "alias/story", "Plaintext": b"hello", "EncryptionContext": {"app": "story"}}
message = refused("AccessDeniedException", kms.encrypt, **encrypt)
assert "not authorized to perform: kms:Encrypt on resource: " + key["Arn"] in message, message
iam.put_role_policy(RoleName="app", PolicyName="crypt", PolicyDocument=document(
    ["kms:Encrypt", "kms:Decrypt", "kms:Sign", "kms:Verify"], f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"))

# 5
blob = kms.encrypt(**encrypt)["CiphertextBlob"]
plain = kms.decrypt(CiphertextBlob=blob, EncryptionContext={"app": "story"})
assert plain["Plaintext"] == b"hello" and plain["KeyId"] == key["Arn"], plain
refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob, EncryptionContext={"app": "other"})
refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob)

# 6
rsa = root_kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
algorithm = {"KeyId": rsa, "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
signature = kms.sign(Message=b"a message", **algorithm)["Signature"]
assert kms.verify(Message=b"a message", Signature=signature, **algorithm)["SignatureValid"]
refused("KMSInvalidSignatureException", kms.verify, Message=b"another", Signature=signature, **algorithm)

# 7
for n in range(24):
    iam.create_role(RoleName=f"role-{n:02}", AssumeRolePolicyDocument=TRUST)
pages = list(iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 10}))
assert [len(page["Roles"]) for page in pages] == [10, 10, 5], pages
refused("NoSuchEntity", iam.get_role, RoleName="missing")

# 8
wrong = boto3.Session("test", "wrong")
refused("SignatureDoesNotMatch", wrong.client("sts").get_caller_identity)
refused("InvalidSignatureException", wrong.client("kms").list_keys)
