package wire

// wording is how a service words what is wrong with an input.
type wording struct {
	// brief: values are not repeated, but for those of an enumeration, nor is each of a list's.
	brief bool
	// patterns are the members, by their path, of which the service itself says what their pattern is. That sentence
	// stands alone.
	patterns map[string]string
}

const (
	ofName       = "contain only alphanumeric characters and/or the following: +=,.@_-"
	ofPath       = "begin and end with / and contain only alphanumeric characters and/or / characters."
	ofPathPrefix = "begin with the / character and contain only alphanumeric characters and/or / characters."
)

// wordings of the services that have one of their own. IAM's are as answers of 2026 were recorded (localstack,
// tests/aws/services/iam; versitygw, iamapi/iamerr), and as users pasted them: for instanceProfileName the general
// sentence (packer #10024), for the others their own (amplify-cli #9120, qontract-reconcile #2640, cfn-lint #722 and
// #996, senza #277, aws-cli #5860).
var wordings = map[string]wording{
	"iam": {brief: true, patterns: map[string]string{
		"userName": ofName, "newUserName": ofName, "groupName": ofName, "newGroupName": ofName, "roleName": ofName, "policyName": ofName,
		"serverCertificateName": ofName, "newServerCertificateName": ofName,
		"path": ofPath, "newPath": ofPath, "pathPrefix": ofPathPrefix,
		"accessKeyId": "contain only alphanumeric characters.",
	}},
}
