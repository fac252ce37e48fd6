"""Small libraries that people use beside boto3: each finds out who it is."""
import asyncio
import os

import aioboto3
import aws_assume_role_lib
import boto3
import requests
from ec2_metadata import ec2_metadata
from requests_aws4auth import AWS4Auth

endpoint = os.environ["AWS_ENDPOINT_URL"]
role = boto3.client("iam").create_role(
    RoleName="app",
    AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}',
)["Role"]["Arn"]


def check(name, got, want):
    assert got == want, f"{name}: {got}, want {want}"
    print(f"  {name}: ok")


async def aio():
    async with aioboto3.Session().client("kms") as kms:
        key = (await kms.create_key())["KeyMetadata"]["KeyId"]
        blob = (await kms.encrypt(KeyId=key, Plaintext=b"hello"))["CiphertextBlob"]
        return (await kms.decrypt(CiphertextBlob=blob))["Plaintext"]


def arn(session):
    return session.client("sts").get_caller_identity()["Arn"]


check("aioboto3", asyncio.run(aio()), b"hello")
check("aws-assume-role-lib", arn(aws_assume_role_lib.assume_role(boto3.Session(), role, RoleSessionName="lib")),
      "arn:aws:sts::000000000000:assumed-role/app/lib")
answer = requests.post(endpoint + "/", data={"Action": "GetCallerIdentity", "Version": "2011-06-15"}, auth=AWS4Auth("test", "test", "us-east-1", "sts"))
check("requests-aws4auth", (answer.status_code, "<Arn>arn:aws:iam::000000000000:root</Arn>" in answer.text), (200, True))

boto3.client("iam").create_role(
    RoleName="instance",
    AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}',
)
# It has no setting for the address.
ec2_metadata.service_url = os.environ["METADATA_ENDPOINT"].rstrip("/") + "/latest/"
ec2_metadata.metadata_url = ec2_metadata.service_url + "meta-data/"
ec2_metadata.dynamic_url = ec2_metadata.service_url + "dynamic/"
given = ec2_metadata.iam_security_credentials
check("ec2-metadata", (ec2_metadata.account_id, arn(boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["Token"]))),
      ("000000000000", f"arn:aws:sts::000000000000:assumed-role/instance/{ec2_metadata.instance_id}"))
