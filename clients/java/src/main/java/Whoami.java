import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.services.sts.StsClient;

/** Prints the caller's ARN. Credentials are those of the SDK's default chain, or of a profile. */
final class Whoami {
  public static void main(String[] args) {
    var credentials = DefaultCredentialsProvider.builder();
    if (args.length > 0) {
      credentials.profileName(args[0]);
    }
    try (var sts = StsClient.builder().credentialsProvider(credentials.build()).build()) {
      System.out.println(sts.getCallerIdentity().arn());
    }
  }
}
