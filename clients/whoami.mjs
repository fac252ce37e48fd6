// Prints the caller's ARN. Credentials are those of the SDK's default chain, or of a profile.
import { STS } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";

const profile = process.argv[2];
const credentials = fromNodeProviderChain({ profile, mfaCodeProvider: async () => process.env.MFA_CODE });
console.log((await new STS({ credentials }).getCallerIdentity()).Arn);
