// The story of story.md through the AWS SDK for JavaScript.
import assert from "node:assert/strict";
import { IAM, paginateListRoles } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { STS } from "@aws-sdk/client-sts";

const account = "000000000000";
const app = `arn:aws:iam::${account}:role/app`;
const allow = (Action, Resource) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource }] });
const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { AWS: account }, Action: "sts:AssumeRole" }],
});
const as = (key) => ({
  credentials: { accessKeyId: key.AccessKeyId, secretAccessKey: key.SecretAccessKey, sessionToken: key.SessionToken },
});
// The call must fail with an error of that name; returns its message.
const refused = async (name, call) => {
  let message;
  await assert.rejects(call, (error) => {
    assert.equal(error.name, name, error);
    assert.ok(error.$metadata.requestId, error);
    message = error.message;
    return true;
  });
  return message;
};
const bytes = (text) => new TextEncoder().encode(text);

// 1
const iam = new IAM();
await iam.createUser({ UserName: "bob" });
const bob = as((await iam.createAccessKey({ UserName: "bob" })).AccessKey);
const { Role: role } = await iam.createRole({ RoleName: "app", AssumeRolePolicyDocument: trust });
assert.equal(role.Arn, app);
// An account's number comes back as its root's ARN.
assert.equal(decodeURIComponent(role.AssumeRolePolicyDocument), trust.replace(`"${account}"`, `"arn:aws:iam::${account}:root"`));
assert.ok(Math.abs(role.CreateDate - Date.now()) < 60_000);

// 2
const sts = new STS(bob);
assert.equal((await sts.getCallerIdentity({})).Arn, `arn:aws:iam::${account}:user/bob`);
const assume = () => sts.assumeRole({ RoleArn: app, RoleSessionName: "story" });
const denied = await refused("AccessDenied", assume());
assert.ok(denied.includes(`user/bob is not authorized to perform: sts:AssumeRole on resource: ${app}`), denied);

// 3
await iam.putUserPolicy({ UserName: "bob", PolicyName: "assume", PolicyDocument: allow("sts:AssumeRole", app) });
const session = as((await assume()).Credentials);
const identity = await new STS(session).getCallerIdentity({});
assert.equal(identity.Arn, `arn:aws:sts::${account}:assumed-role/app/story`);
assert.equal(identity.UserId, role.RoleId + ":story");

// 4
const rootKMS = new KMS();
const kms = new KMS(session);
const { KeyMetadata: key } = await rootKMS.createKey({});
await rootKMS.createAlias({ AliasName: "alias/story", TargetKeyId: key.KeyId });
const encrypt = () =>
  kms.encrypt({ KeyId: "alias/story", Plaintext: bytes("hello"), EncryptionContext: { app: "story" } });
await refused("AccessDeniedException", encrypt());
await iam.putRolePolicy({
  RoleName: "app",
  PolicyName: "crypt",
  PolicyDocument: allow(["kms:Encrypt", "kms:Decrypt", "kms:Sign", "kms:Verify"], "*"),
});

// 5
const { CiphertextBlob } = await encrypt();
const plain = await kms.decrypt({ CiphertextBlob, EncryptionContext: { app: "story" } });
assert.equal(new TextDecoder().decode(plain.Plaintext), "hello");
assert.equal(plain.KeyId, key.Arn);
await refused("InvalidCiphertextException", kms.decrypt({ CiphertextBlob, EncryptionContext: { app: "other" } }));

// 6
const { KeyMetadata: rsa } = await rootKMS.createKey({ KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" });
const algorithm = { KeyId: rsa.KeyId, SigningAlgorithm: "RSASSA_PSS_SHA_256" };
const { Signature } = await kms.sign({ Message: bytes("a message"), ...algorithm });
assert.equal((await kms.verify({ Message: bytes("a message"), Signature, ...algorithm })).SignatureValid, true);
await refused("KMSInvalidSignatureException", kms.verify({ Message: bytes("another"), Signature, ...algorithm }));

// 7
for (let n = 0; n < 24; n++) {
  await iam.createRole({ RoleName: `role-${n}`, AssumeRolePolicyDocument: trust });
}
const pages = [];
for await (const page of paginateListRoles({ client: iam, pageSize: 10 }, {})) pages.push(page.Roles.length);
assert.deepEqual(pages, [10, 10, 5]);
await refused("NoSuchEntityException", iam.getRole({ RoleName: "missing" }));

// 8
const wrong = as({ AccessKeyId: "test", SecretAccessKey: "wrong" });
await refused("SignatureDoesNotMatch", new STS(wrong).getCallerIdentity({}));
await refused("InvalidSignatureException", new KMS(wrong).listKeys({}));
