# What people keep of KMS and Organizations in Terraform; IAM has its own folder. The variable changes what can be changed in place.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  default_tags { tags = { managed = "terraform" } }
}

provider "aws" {
  alias  = "elsewhere"
  region = "eu-west-1"
  default_tags { tags = { managed = "terraform" } }
}

variable "step" {
  type = number
}

data "aws_caller_identity" "me" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [data.aws_caller_identity.me.account_id]
    }
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "app" {
  name               = "app"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

# KMS

locals {
  keys = {
    SYMMETRIC_DEFAULT = "ENCRYPT_DECRYPT"
    HMAC_224          = "GENERATE_VERIFY_MAC"
    HMAC_256          = "GENERATE_VERIFY_MAC"
    HMAC_384          = "GENERATE_VERIFY_MAC"
    HMAC_512          = "GENERATE_VERIFY_MAC"
    RSA_2048          = "ENCRYPT_DECRYPT"
    RSA_3072          = "SIGN_VERIFY"
    RSA_4096          = "SIGN_VERIFY"
    ECC_NIST_P256     = "SIGN_VERIFY"
    ECC_NIST_P384     = "SIGN_VERIFY"
    ECC_NIST_P521     = "SIGN_VERIFY"
    ECC_SECG_P256K1   = "SIGN_VERIFY"
  }
}

resource "aws_kms_key" "each" {
  for_each                 = local.keys
  customer_master_key_spec = each.key
  key_usage                = each.value
  description              = "${each.key}, step ${var.step}"
  deletion_window_in_days  = 7
  tags                     = { step = var.step }
}

resource "aws_kms_key" "policy" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "root", Effect = "Allow", Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }, Action = "kms:*", Resource = "*" },
      { Sid = "app", Effect = "Allow", Principal = { AWS = aws_iam_role.app.arn }, Action = ["kms:Encrypt", "kms:Decrypt"], Resource = "*" },
    ]
  })
}

resource "aws_kms_key" "agreement" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "KEY_AGREEMENT"
}

resource "aws_kms_key" "rotating" {
  enable_key_rotation     = true
  rotation_period_in_days = var.step == 1 ? 365 : 90
  multi_region            = true
}

resource "aws_kms_replica_key" "elsewhere" {
  provider        = aws.elsewhere
  primary_key_arn = aws_kms_key.rotating.arn
  description     = "step ${var.step}"
}

resource "aws_kms_external_key" "imported" {
  description         = "imported, step ${var.step}"
  key_material_base64 = base64encode("0123456789abcdef0123456789abcdef")
  enabled             = var.step == 1
}

resource "aws_kms_grant" "app" {
  name              = "app"
  key_id            = aws_kms_key.rotating.key_id
  grantee_principal = aws_iam_role.app.arn
  operations        = ["Decrypt", "GenerateDataKey"]
  constraints {
    encryption_context_subset = { app = "terraform" }
  }
}

resource "aws_kms_alias" "app" {
  name          = "alias/app"
  target_key_id = var.step == 1 ? aws_kms_key.policy.key_id : aws_kms_key.each["SYMMETRIC_DEFAULT"].key_id
}

resource "aws_kms_key_policy" "each" {
  key_id = aws_kms_key.each["HMAC_256"].key_id
  policy = aws_kms_key.policy.policy
}

resource "aws_kms_ciphertext" "secret" {
  key_id    = aws_kms_key.policy.key_id
  plaintext = "secret"
  context   = { app = "terraform" }
}

# Keys that AWS manages are made when they are first asked for.
data "aws_kms_key" "s3" {
  key_id = "alias/aws/s3"
}

data "aws_kms_alias" "ebs" {
  name = "alias/aws/ebs"
}

check "aws_managed_keys" {
  assert {
    condition     = data.aws_kms_key.s3.key_manager == "AWS" && data.aws_kms_key.s3.enabled && data.aws_kms_alias.ebs.target_key_id != data.aws_kms_key.s3.id
    error_message = "KMS: AWS managed keys"
  }
}

# Organizations

resource "aws_organizations_organization" "all" {
  feature_set                   = "ALL"
  aws_service_access_principals = var.step == 1 ? ["sso.amazonaws.com"] : ["sso.amazonaws.com", "iam.amazonaws.com"]
  enabled_policy_types          = var.step == 1 ? ["SERVICE_CONTROL_POLICY", "TAG_POLICY"] : ["RESOURCE_CONTROL_POLICY", "SERVICE_CONTROL_POLICY", "TAG_POLICY"]
}

resource "aws_organizations_organizational_unit" "apps" {
  name      = var.step == 1 ? "apps" : "applications"
  parent_id = aws_organizations_organization.all.roots[0].id
}

resource "aws_organizations_organizational_unit" "live" {
  name      = "live"
  parent_id = aws_organizations_organizational_unit.apps.id
}

resource "aws_organizations_policy" "regions" {
  name = "regions"
  content = jsonencode({ Version = "2012-10-17", Statement = [{
    Effect    = "Deny", NotAction = ["iam:*", "sts:*"], Resource = "*"
    Condition = { StringNotEquals = { "aws:RequestedRegion" = var.step == 1 ? ["us-east-1"] : ["us-east-1", "eu-west-1"] } }
  }] })
  depends_on = [aws_organizations_organization.all]
}

resource "aws_organizations_policy" "stages" {
  name       = "stages"
  type       = "TAG_POLICY"
  content    = jsonencode({ tags = { stage = { tag_key = { "@@assign" = "stage" }, tag_value = { "@@assign" = ["live", "test"] } } } })
  depends_on = [aws_organizations_organization.all]
}

resource "aws_organizations_policy_attachment" "each" {
  for_each = {
    regions = { policy = aws_organizations_policy.regions.id, target = aws_organizations_organization.all.roots[0].id }
    stages  = { policy = aws_organizations_policy.stages.id, target = aws_organizations_organizational_unit.live.id }
  }
  policy_id = each.value.policy
  target_id = each.value.target
}

resource "aws_organizations_resource_policy" "delegation" {
  content = jsonencode({ Version = "2012-10-17", Statement = [{
    Effect = "Allow", Principal = { AWS = data.aws_caller_identity.me.account_id }, Action = "organizations:ListPolicies", Resource = "*"
  }] })
  depends_on = [aws_organizations_organization.all]
}

# The data sources

data "aws_kms_key" "policy" {
  key_id = aws_kms_key.policy.arn
}

data "aws_kms_alias" "app" {
  name = aws_kms_alias.app.name
}

data "aws_kms_public_key" "rsa" {
  key_id = aws_kms_key.each["RSA_3072"].key_id
}

data "aws_kms_secrets" "secret" {
  secret {
    name    = "secret"
    payload = aws_kms_ciphertext.secret.ciphertext_blob
    context = { app = "terraform" }
  }
}

data "aws_organizations_organization" "all" {
  depends_on = [aws_organizations_organization.all]
}

data "aws_organizations_organizational_unit_descendant_organizational_units" "all" {
  parent_id  = aws_organizations_organization.all.roots[0].id
  depends_on = [aws_organizations_organizational_unit.live]
}

data "aws_organizations_policies_for_target" "live" {
  target_id  = aws_organizations_organizational_unit.live.id
  filter     = "TAG_POLICY"
  depends_on = [aws_organizations_policy_attachment.each]
}

check "answers" {
  assert {
    condition     = nonsensitive(data.aws_kms_secrets.secret.plaintext["secret"]) == "secret" && data.aws_kms_alias.app.target_key_id == aws_kms_alias.app.target_key_id
    error_message = "keys"
  }
  assert {
    condition     = length(data.aws_organizations_organization.all.roots) == 1
    error_message = "organization"
  }
  assert {
    condition     = length(data.aws_organizations_organizational_unit_descendant_organizational_units.all.children) == 2
    error_message = "organization: the tree"
  }
  assert {
    condition     = one(data.aws_organizations_policies_for_target.live.ids) == aws_organizations_policy.stages.id
    error_message = "organization: attachments"
  }
}
