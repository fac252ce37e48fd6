import com.amazonaws.encryptionsdk.AwsCrypto;
import com.amazonaws.encryptionsdk.kmssdkv2.KmsMasterKeyProvider;
import java.util.Map;

/** encrypt|decrypt KEY: what is on standard input, with the AWS Encryption SDK. */
final class EncryptionSDK {
  public static void main(String[] args) throws Exception {
    var crypto = AwsCrypto.standard();
    var key = KmsMasterKeyProvider.builder().buildStrict(args[1]);
    var input = System.in.readAllBytes();
    if (args[0].equals("encrypt")) {
      System.out.write(crypto.encryptData(key, input, Map.of("app", "story")).getResult());
    } else {
      var result = crypto.decryptData(key, input);
      if (!"story".equals(result.getEncryptionContext().get("app"))) {
        throw new IllegalStateException("another encryption context");
      }
      System.out.write(result.getResult());
    }
    System.out.flush();
  }
}
