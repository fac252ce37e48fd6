// sdk.mjs encrypt|decrypt KEYRING KEY: what is on standard input, with the AWS Encryption SDK. Keyrings are kms, mrk, and mrk-discovery, of which KEY
// is the Region.
import {
  AwsKmsMrkAwareSymmetricDiscoveryKeyringNode, AwsKmsMrkAwareSymmetricKeyringNode, buildClient, CommitmentPolicy, KmsKeyringNode,
} from "@aws-crypto/client-node";
import { KMS } from "@aws-sdk/client-kms";
import { readFileSync } from "node:fs";
import { stdin } from "node:process";

const [what, keyring, key] = process.argv.slice(2);
const keyrings = {
  kms: () => new KmsKeyringNode(what === "encrypt" ? { generatorKeyId: key } : { keyIds: [key] }),
  mrk: () => new AwsKmsMrkAwareSymmetricKeyringNode({ keyId: key, client: new KMS({ region: key.split(":")[3] }) }),
  "mrk-discovery": () => new AwsKmsMrkAwareSymmetricDiscoveryKeyringNode({ client: new KMS({ region: key }) }),
};
const client = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const input = readFileSync(stdin.fd);
let result;
if (what === "encrypt") {
  ({ result } = await client.encrypt(keyrings[keyring](), input, { encryptionContext: { app: "story" } }));
} else {
  const { plaintext, messageHeader } = await client.decrypt(keyrings[keyring](), input);
  if (messageHeader.encryptionContext.app !== "story") throw new Error("another encryption context");
  result = plaintext;
}
process.stdout.write(result);
