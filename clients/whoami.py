"""Prints the caller's ARN. Credentials are those of boto3's default chain, or of a profile."""
import sys

import boto3

print(boto3.Session(profile_name=(sys.argv[1:] or [None])[0]).client("sts").get_caller_identity()["Arn"])
