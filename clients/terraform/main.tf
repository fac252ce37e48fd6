# What people keep of IAM, KMS and Organizations in Terraform. The variable changes what can be changed in place.
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

data "aws_iam_policy_document" "read" {
  statement {
    actions   = var.step == 1 ? ["kms:ListKeys", "kms:ListAliases"] : ["kms:ListKeys"]
    resources = ["*"]
  }
}

# IAM

resource "aws_iam_role" "app" {
  name                  = "app"
  path                  = "/team/"
  description           = "step ${var.step}"
  assume_role_policy    = data.aws_iam_policy_document.trust.json
  max_session_duration  = 3600 * var.step
  permissions_boundary  = aws_iam_policy.read.arn
  force_detach_policies = true
  tags                  = { step = var.step }
}

resource "aws_iam_role_policy" "inline" {
  name   = "inline"
  role   = aws_iam_role.app.id
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_role_policy_attachment" "managed" {
  role       = aws_iam_role.app.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_role_policies_exclusive" "app" {
  role_name    = aws_iam_role.app.name
  policy_names = [aws_iam_role_policy.inline.name]
}

resource "aws_iam_instance_profile" "app" {
  name = "app"
  path = "/team/"
  role = var.step == 1 ? aws_iam_role.app.name : null
  tags = { step = var.step }
}

resource "aws_iam_service_linked_role" "batch" {
  aws_service_name = "batch.amazonaws.com"
  description      = "step ${var.step}"
  tags             = { step = var.step }
}

resource "aws_iam_service_linked_role" "suffixed" {
  aws_service_name = "autoscaling.amazonaws.com"
  custom_suffix    = "app"
}

resource "aws_iam_policy" "read" {
  name        = "read"
  description = "may list keys"
  policy      = data.aws_iam_policy_document.read.json
  tags        = { step = var.step }
}

resource "aws_iam_policy_attachment" "read" {
  name       = "read"
  policy_arn = aws_iam_policy.read.arn
  users      = [aws_iam_user.bob.name]
  groups     = [aws_iam_group.staff.name]
  roles      = [aws_iam_role.app.name]
  depends_on = [aws_iam_role_policy_attachment.managed]
}

resource "aws_iam_user" "bob" {
  name          = "bob"
  path          = var.step == 1 ? "/" : "/staff/"
  force_destroy = true
  tags          = { step = var.step }
}

resource "aws_iam_user_policy" "inline" {
  name   = "inline"
  user   = aws_iam_user.bob.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_user_policy_attachment" "aws" {
  user       = aws_iam_user.bob.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_access_key" "bob" {
  user   = aws_iam_user.bob.name
  status = var.step == 1 ? "Active" : "Inactive"
}

resource "aws_iam_group" "staff" {
  name = "staff"
}

resource "aws_iam_group_policy" "inline" {
  name   = "inline"
  group  = aws_iam_group.staff.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_group_policy_attachment" "aws" {
  group      = aws_iam_group.staff.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_group_membership" "staff" {
  name  = "staff"
  group = aws_iam_group.staff.name
  users = [aws_iam_user.bob.name]
}

resource "aws_iam_user_group_membership" "bob" {
  user       = aws_iam_user.bob.name
  groups     = [aws_iam_group.staff.name]
  depends_on = [aws_iam_group_membership.staff]
}

resource "aws_iam_openid_connect_provider" "github" {
  url             = "https://token.actions.githubusercontent.com"
  client_id_list  = var.step == 1 ? ["sts.amazonaws.com"] : ["sts.amazonaws.com", "other"]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
  tags            = { step = var.step }
}

resource "aws_iam_saml_provider" "corporate" {
  name                   = "corporate"
  saml_metadata_document = file(var.metadata)
  tags                   = { step = var.step }
}

variable "metadata" {
  type = string
}

resource "aws_iam_virtual_mfa_device" "phone" {
  virtual_mfa_device_name = "phone"
}

resource "aws_iam_account_alias" "alias" {
  account_alias = "terraform-${var.step}"
}

resource "aws_iam_account_password_policy" "strict" {
  minimum_password_length        = 8 + var.step
  require_lowercase_characters   = true
  allow_users_to_change_password = true
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
}

# The data sources

data "aws_iam_role" "app" {
  name       = aws_iam_role.app.name
  depends_on = [aws_iam_role.app]
}

data "aws_iam_roles" "all" {
  path_prefix = aws_iam_role.app.path
}

data "aws_iam_instance_profile" "app" {
  name = aws_iam_instance_profile.app.name
}

data "aws_iam_instance_profiles" "app" {
  role_name  = aws_iam_role.app.name
  depends_on = [aws_iam_instance_profile.app]
}

data "aws_iam_user" "bob" {
  user_name = aws_iam_user.bob.name
}

data "aws_iam_users" "all" {
  depends_on = [aws_iam_user.bob]
}

data "aws_iam_group" "staff" {
  group_name = aws_iam_group.staff.name
}

data "aws_iam_policy" "read" {
  arn = aws_iam_policy.read.arn
}

data "aws_iam_policy" "by_name" {
  name = "ReadOnlyAccess"
}

data "aws_iam_openid_connect_provider" "github" {
  arn = aws_iam_openid_connect_provider.github.arn
}

data "aws_iam_saml_provider" "corporate" {
  arn = aws_iam_saml_provider.corporate.arn
}

data "aws_iam_access_keys" "bob" {
  user = aws_iam_access_key.bob.user
}

data "aws_iam_account_alias" "alias" {
  depends_on = [aws_iam_account_alias.alias]
}

data "aws_iam_session_context" "me" {
  arn = data.aws_caller_identity.me.arn
}

data "aws_iam_principal_policy_simulation" "app" {
  policy_source_arn = aws_iam_role.app.arn
  action_names      = ["kms:ListKeys"]
  depends_on        = [aws_iam_role_policy.inline]
}

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

check "answers" {
  assert {
    condition     = data.aws_iam_role.app.arn == "arn:aws:iam::000000000000:role/team/app" && data.aws_iam_principal_policy_simulation.app.all_allowed
    error_message = "role"
  }
  assert {
    condition     = data.aws_iam_instance_profile.app.arn == "arn:aws:iam::000000000000:instance-profile/team/app" && length(data.aws_iam_instance_profiles.app.names) == 2 - var.step
    error_message = "instance profile"
  }
  assert {
    condition     = nonsensitive(data.aws_kms_secrets.secret.plaintext["secret"]) == "secret" && data.aws_kms_alias.app.target_key_id == aws_kms_alias.app.target_key_id
    error_message = "keys"
  }
  assert {
    condition     = length(data.aws_organizations_organization.all.roots) == 1
    error_message = "organization"
  }
}
