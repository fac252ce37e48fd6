// sdk.mjs encrypt|decrypt KEY: what is on standard input, with the AWS Encryption SDK.
import { buildClient, CommitmentPolicy, KmsKeyringNode } from "@aws-crypto/client-node";
import { readFileSync } from "node:fs";
import { stdin } from "node:process";

const [what, generatorKeyId] = process.argv.slice(2);
const client = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const input = readFileSync(stdin.fd);
let result;
if (what === "encrypt") {
  ({ result } = await client.encrypt(new KmsKeyringNode({ generatorKeyId }), input, { encryptionContext: { app: "story" } }));
} else {
  const { plaintext, messageHeader } = await client.decrypt(new KmsKeyringNode({ keyIds: [generatorKeyId] }), input);
  if (messageHeader.encryptionContext.app !== "story") throw new Error("another encryption context");
  result = plaintext;
}
process.stdout.write(result);
