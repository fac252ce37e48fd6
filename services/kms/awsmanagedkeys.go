package kms

import (
	"slices"
	"strings"
)

// awsManagedKeys are the AWS managed keys, sorted. AWS has no list of them, and makes no more since 2021
// (https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-key).
//
// The source of a line is reference_key_policies/NAME.json of https://github.com/FogSecurity/aws-managed-kms-keys, which reads the
// policies out of an account. That ListAliases shows the names before there are the keys: its example in AWS's API reference, and the
// documentation of Terraform's data source aws_kms_alias. Descriptions are what DescribeKey was seen to show of acm, backup, dynamodb, ebs,
// elasticfilesystem, glue, kinesisvideo, lambda, rds, s3, secretsmanager, ssm and xray; those of the others are like them.
var awsManagedKeys = []awsManaged{
	{"acm", "ACM private keys", "auto-acm-4", []statement{
		through("acm", "", []string{"kms:CreateGrant"}).called("Allow creation of decryption grants").forGrants("Decrypt"),
		through("acm", "", []string{"kms:CreateGrant"}).called("Allow creation of encryption grant").forGrants("Encrypt", "ReEncryptFrom", "ReEncryptTo"),
		everybody("Allow", "Allowed operations for the key owner", "kms:DescribeKey", "kms:ListGrants", "kms:RevokeGrant", "kms:GetKeyPolicy").where("StringEquals", "kms:CallerAccount", "{account}"),
		everybody("Deny", "Deny re-encryption to any other key", "kms:ReEncrypt*").where("Bool", "kms:ReEncryptOnSameKey", "false"),
		through("acm", "", []string{"kms:Decrypt"}).called("Allow decrypt"),
	}},
	{"appflow", "AppFlow data", "auto-appflow-2", []statement{through("appflow", "Amazon AppFlow", useAndGrant), accountRevokes, serviceReads("appflow", "Allow AppFlow Service with service principal name appflow.amazonaws.com to describe the key directly"), through("s3", "S3", []string{"kms:Decrypt"}), through("secretsmanager", "SecretManager", useAndGrant)}},
	{"backup", "Backup data", "auto-backup-1", []statement{
		through("backup", "Backup", []string{"kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey*"}).called("Allow access through Backup for all principals in the account that are authorized to use Backup Storage"), accountRevokes,
	}},
	{"cloud9", "Cloud9 data", "auto-cloud9-1", []statement{through("cloud9", "Cloud9", use), accountReads}},
	{"codeartifact", "CodeArtifact data", "auto-codeartifact-1", []statement{through("codeartifact", "Amazon CodeArtifact", useAndGrant), accountRevokes, serviceReads("codeartifact", "Allow CodeArtifact Service with service principal name codeartifact.amazonaws.com to describe the key directly")}},
	{"codecommit", "CodeCommit data", "auto-codecommit-2", []statement{through("codecommit", "CodeCommit", use), accountReads}},
	{"connect", "Connect data", "auto-connect-3", []statement{
		through("connect", "Connect", []string{"kms:CreateGrant", "kms:Describe*", "kms:Get*", "kms:List*"}),
		serviceReads("connect", "Allow Connect to directly describe the key"), accountRevokes,
		everybody("Deny", "Restrict direct usage", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*").where("Null", "kms:ViaService", "true"),
		everybody("Deny", "Restrict usage to Connect data", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*").where("Null", "kms:EncryptionContext:aws:connect:OrganizationId", "true"),
		through("s3", "S3", []string{"kms:Decrypt"}), through("kinesisvideo", "KVS", []string{"kms:Decrypt"}),
	}},
	{"dax", "DAX data", "auto-dax-1", []statement{through("dax", "DAX", useAndGrants), accountRevokes}},
	{"dms", "DMS data", "auto-dms-1", []statement{through("dms", "DMS", useAndGrants), accountRevokes}},
	{"dynamodb", "DynamoDB data", "auto-dynamodb-3", []statement{
		through("dynamodb", "Amazon DynamoDB", useAndGrant).inAnyRegion(), accountRevokes, serviceReads("dynamodb", "Allow DynamoDB to directly describe the key"),
	}},
	{"ebs", "EBS volumes", "auto-ebs-2", []statement{through("ec2", "EBS", useAndGrant), accountRevokes}},
	{"ecr", "ECR data", "auto-ecr-1", []statement{through("ecr", "Amazon ECR", append(useAndGrant, "kms:RetireGrant")), accountRevokes}},
	{"eks", "EKS data", "auto-eks-1", []statement{through("eks", "Amazon EKS", useAndGrant), accountRevokes, serviceReads("eks", "Allow the EKS Service to describe the key directly")}},
	{"elasticache", "ElastiCache data", "auto-elasticache-1", []statement{through("elasticache", "ElastiCache Service", useAndGrants), accountRevokes, serviceReads("elasticache", "Allow ElastiCache service principals to describe the key directly")}},
	{"elasticfilesystem", "EFS filesystems", "auto-elasticfilesystem-1", []statement{
		through("elasticfilesystem", "EFS", useAndGrant).called("Allow access to EFS for all principals in the account that are authorized to use EFS"), accountRevokes,
	}},
	{"es", "OpenSearch data", "auto-es-2", []statement{through("es", "OpenSearch Service", useAndGrant), accountRevokes, serviceReads("es", "Allow OpenSearch service principals to describe the key directly")}},
	{"fsx", "FSx data", "auto-fsx-1", []statement{through("fsx", "FSx", useAndGrants), accountRevokes}},
	{"glue", "Glue data", "auto-glue-1", []statement{through("glue", "Glue", useAndGrant), accountRevokes}},
	{"imagebuilder", "Image Builder data", "auto-imagebuilder-1", []statement{through("imagebuilder", "Amazon EC2 Image Builder", useAndGrant), accountRevokes, serviceReads("imagebuilder", "Allow the EC2 Image Builder Service to describe the key directly")}},
	{"kafka", "Kafka data", "auto-kafka-1", []statement{through("kafka", "Kafka", useAndGrants), accountRevokes}},
	{"kendra", "Kendra data", "auto-kendra-1", []statement{through("kendra", "Amazon Kendra", useAndGrant), accountRevokes, serviceReads("kendra", "Allow Kendra Service to describe the key directly")}},
	{"kinesis", "Kinesis data", "auto-kinesis-1", []statement{through("kinesis", "Amazon Kinesis", use), accountReads}},
	{"kinesisvideo", "kinesis video data", "auto-kinesisvideo-1", []statement{through("kinesisvideo", "Kinesis Video Streams", useAndGrant), accountRevokes}},
	{"lambda", "Lambda functions", "auto-awslambda", []statement{through("lambda", "AWS Lambda", useAndGrant), accountRevokes}},
	{"lex", "Lex data", "auto-lex-1", []statement{through("lex", "lex", useAndGrant), accountRevokes}},
	{"lightsail", "Lightsail data", "auto-lightsail-1", []statement{through("lightsail", "Lightsail", use), accountReads, serviceReads("lightsail", "Allow Lightsail with service principal name lightsail.amazonaws.com to describe the key directly")}},
	{"mq", "MQ data", "auto-mq-1", []statement{
		through("mq", "Amazon MQ", useAndGrant, "elasticfilesystem").called("Allow access to Amazon MQ for all principals in the account that are authorized to use Amazon MQ"), accountRevokes,
	}},
	{"rds", "RDS database volumes", "auto-rds-2", []statement{through("rds", "RDS", useAndGrants), accountRevokes}},
	{"redshift", "Redshift data", "auto-redshift-3", []statement{
		through("redshift", "RedShift", useAndGrant), through("redshift-serverless", "RedShift-Serverless", useAndGrant), accountRevokes,
	}},
	{"s3", "S3 objects", "auto-s3-2", []statement{through("s3", "S3", use), accountReads}},
	{"secretsmanager", "Secrets Manager data", "auto-secretsmanager-2", []statement{
		through("secretsmanager", "AWS Secrets Manager", []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:CreateGrant", "kms:DescribeKey"}),
		through("secretsmanager", "AWS Secrets Manager", []string{"kms:GenerateDataKey*"}).inAnyRegion().
			called("Allow access through AWS Secrets Manager of any Region for all principals in the account that are authorized to use AWS Secrets Manager"), // AWS's has the other's Sid
		accountRevokes,
	}},
	{"ses", "SES data", "auto-ses-2", []statement{
		allowService("ses.{region}", "Allow SES to encrypt messages belonging to this account", "kms:Encrypt", "kms:GenerateDataKey*").
			where("StringEquals", "kms:EncryptionContext:aws:ses:source-account", "{account}").
			where("Null", "kms:EncryptionContext:aws:ses:message-id", "false").where("Null", "kms:EncryptionContext:aws:ses:rule-name", "false"),
		allowService("ses.{region}", "Allow SES to describe this key", "kms:DescribeKey"),
		allowAccount("Allow direct access to key metadata & decryption to the account", "kms:Describe*", "kms:Get*", "kms:List*", "kms:Decrypt", "kms:ReEncryptFrom"),
	}},
	{"sns", "SNS data", "auto-sns-1", []statement{through("sns", "SNS", []string{"kms:Decrypt", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:ListGrants", "kms:DescribeKey"}), accountRevokes}},
	{"sqs", "SQS data", "auto-sqs-1", []statement{
		through("sqs", "SQS", useAndGrant).called("Allow access through Simple Queue Service (SQS) for all principals in the account that are authorized to use SQS"), accountRevokes,
	}},
	{"ssm", "SSM parameters", "auto-ssm-1", []statement{through("ssm", "SSM", use), accountReads}},
	{"timestream", "Timestream data", "auto-timestream-1", []statement{through("timestream", "Amazon Timestream", useAndGrant), accountRevokes, serviceReads("timestream", "Allow the Timestream Service to describe the key directly")}},
	{"translate", "Translate data", "auto-translate-1", []statement{through("translate", "Amazon Translate", useAndGrant), accountRevokes, serviceReads("translate", "Allow Translate Service with service principal name translate.amazonaws.com to describe the key directly")}},
	{"workspaces", "WorkSpaces data", "auto-workspaces-1", []statement{through("workspaces", "Workspaces", useAndGrants), accountRevokes}},
	{"xray", "X-Ray data", "auto-xray-1", []statement{through("xray", "X-Ray", useAndGrant), accountRevokes, serviceReads("xray", "Allow X-Ray Service with service principal name xray.amazonaws.com to describe the key directly")}},
}

var (
	use          = []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}
	useAndGrant  = []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"}
	useAndGrants = []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:ListGrants", "kms:DescribeKey"}

	accountReads   = allowAccount(metadataAccess, "kms:Describe*", "kms:Get*", "kms:List*")
	accountRevokes = allowAccount(metadataAccess, "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant")
)

const metadataAccess = "Allow direct access to key metadata to the account"

func newStatement(effect, sid, kind, principal string, actions []string) statement {
	return statement{Sid: sid, Effect: effect, Principal: map[string]string{kind: principal}, Action: actions, Resource: "*"}
}

func everybody(effect, sid string, actions ...string) statement {
	return newStatement(effect, sid, "AWS", "*", actions)
}

func allowAccount(sid string, actions ...string) statement {
	return newStatement("Allow", sid, "AWS", "arn:{partition}:iam::{account}:root", actions)
}

func allowService(service, sid string, actions ...string) statement {
	return newStatement("Allow", sid, "Service", service+".amazonaws.com", actions)
}

func serviceReads(service, sid string) statement {
	return allowService(service, sid, "kms:Describe*", "kms:Get*", "kms:List*")
}

// through allows the account to do something by way of a service, and perhaps of others.
func through(service, title string, actions []string, others ...string) statement {
	var via []string
	for _, name := range append([]string{service}, others...) {
		via = append(via, name+".{region}.amazonaws.com")
	}
	return everybody("Allow", "Allow access through "+title+" for all principals in the account that are authorized to use "+title, actions...).
		where("StringEquals", "kms:CallerAccount", "{account}").where("StringEquals", "kms:ViaService", via...)
}

func (s statement) called(sid string) statement {
	s.Sid = sid
	return s
}

// where adds a condition to a statement, which is new.
func (s statement) where(operator, key string, values ...string) statement {
	if s.Condition == nil {
		s.Condition = make(map[string]map[string][]string)
	}
	if s.Condition[operator] == nil {
		s.Condition[operator] = make(map[string][]string)
	}
	s.Condition[operator][key] = slices.Clone(values)
	return s
}

// inAnyRegion takes the Region out of the service by way of which a statement allows something.
func (s statement) inAnyRegion() statement {
	via := s.Condition["StringEquals"]["kms:ViaService"][0]
	delete(s.Condition["StringEquals"], "kms:ViaService")
	return s.where("StringLike", "kms:ViaService", strings.Replace(via, "{region}", "*", 1))
}

func (s statement) forGrants(operations ...string) statement {
	return s.where("ForAllValues:StringEquals", "kms:GrantOperations", operations...).where("Bool", "kms:GrantIsForAWSResource", "true")
}
