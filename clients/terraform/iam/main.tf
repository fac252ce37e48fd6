# Every resource and data source of IAM that the provider has. The variable step changes what can be changed in place.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  default_tags { tags = { managed = "terraform" } }
}

variable "step" {
  type = number
}

# Documents that the step makes: SAML metadata by step, a certificate with its key, a public key of SSH.
variable "metadata" {
  type = map(string)
}
variable "certificate" {
  type = string
}
variable "private_key" {
  type = string
}
variable "ssh_key" {
  type = string
}

locals {
  account = data.aws_caller_identity.me.account_id
}

data "aws_caller_identity" "me" {}
data "aws_partition" "here" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [local.account]
    }
    principals {
      type        = "Service"
      identifiers = var.step == 1 ? ["ec2.amazonaws.com"] : ["ec2.amazonaws.com", "lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    actions   = var.step == 1 ? ["kms:ListKeys", "kms:ListAliases"] : ["kms:ListKeys"]
    resources = ["*"]
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

# Roles and policies

resource "aws_iam_role" "app" {
  name                  = "app"
  path                  = "/team/"
  description           = "step ${var.step}"
  assume_role_policy    = data.aws_iam_policy_document.trust.json
  max_session_duration  = 3600 * var.step
  permissions_boundary  = var.step == 1 ? aws_iam_policy.read.arn : aws_iam_policy.boundary.arn
  force_detach_policies = true
  tags                  = { step = var.step }
}

resource "aws_iam_role" "deprecated" {
  name                = "deprecated"
  assume_role_policy  = data.aws_iam_policy_document.trust.json
  managed_policy_arns = [aws_iam_policy.read.arn, aws_iam_policy.other.arn]
  inline_policy {
    name   = "inline"
    policy = data.aws_iam_policy_document.read.json
  }
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

resource "aws_iam_role_policy_attachments_exclusive" "app" {
  role_name   = aws_iam_role.app.name
  policy_arns = [aws_iam_role_policy_attachment.managed.policy_arn]
}

resource "aws_iam_policy" "read" {
  name        = "read"
  description = "may list keys"
  policy      = data.aws_iam_policy_document.read.json
  tags        = { step = var.step }
}

resource "aws_iam_policy" "other" {
  name_prefix = "other-"
  path        = "/team/"
  policy      = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:*", Resource = "*" }] })
}

resource "aws_iam_policy" "boundary" {
  name   = "boundary"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "kms:*", Resource = "*" }] })
}

resource "aws_iam_policy_attachment" "other" {
  name       = "other"
  policy_arn = aws_iam_policy.other.arn
  users      = [aws_iam_user.dora.name]
  groups     = var.step == 1 ? [aws_iam_group.guests.name] : []
  roles      = [aws_iam_role.deprecated.name]
}

resource "aws_iam_instance_profile" "app" {
  name = "app"
  path = "/team/"
  role = var.step == 1 ? aws_iam_role.app.name : aws_iam_role.deprecated.name
  tags = { step = var.step }
}

resource "aws_iam_service_linked_role" "batch" {
  aws_service_name = "batch.amazonaws.com"
}

resource "aws_iam_service_linked_role" "suffixed" {
  aws_service_name = "autoscaling.amazonaws.com"
  custom_suffix    = "app"
  description      = "step ${var.step}"
  tags             = { step = var.step }
}

# Users, what they have, and groups

resource "aws_iam_user" "bob" {
  name                 = "bob"
  path                 = "/staff/"
  permissions_boundary = var.step == 1 ? aws_iam_policy.read.arn : null
  force_destroy        = true
  tags                 = { step = var.step }
}

resource "aws_iam_user" "dora" {
  name = "dora"
}

# Another name and path is an update in place.
resource "aws_iam_user" "alice" {
  name = "alice-${var.step}"
  path = "/step${var.step}/"
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

resource "aws_iam_user_policies_exclusive" "bob" {
  user_name    = aws_iam_user.bob.name
  policy_names = [aws_iam_user_policy.inline.name]
}

resource "aws_iam_user_policy_attachments_exclusive" "bob" {
  user_name   = aws_iam_user.bob.name
  policy_arns = [aws_iam_user_policy_attachment.aws.policy_arn]
}

resource "aws_iam_access_key" "bob" {
  user   = aws_iam_user.bob.name
  status = var.step == 1 ? "Active" : "Inactive"
}

resource "aws_iam_user_login_profile" "bob" {
  user                    = aws_iam_user.bob.name
  password_length         = 24
  password_reset_required = true
  lifecycle {
    ignore_changes = [password_length, password_reset_required] # which no import tells
  }
}

resource "aws_iam_user_ssh_key" "bob" {
  username   = aws_iam_user.bob.name
  encoding   = "SSH"
  public_key = var.ssh_key
  status     = var.step == 1 ? "Active" : "Inactive"
}

resource "aws_iam_service_specific_credential" "bob" {
  user_name    = aws_iam_user.bob.name
  service_name = "codecommit.amazonaws.com"
  status       = var.step == 1 ? "Active" : "Inactive"
}

resource "aws_iam_signing_certificate" "bob" {
  user_name        = aws_iam_user.bob.name
  certificate_body = var.certificate
  status           = var.step == 1 ? "Active" : "Inactive"
}

resource "aws_iam_virtual_mfa_device" "phone" {
  virtual_mfa_device_name = "phone"
  path                    = "/staff/"
  tags                    = { step = var.step }
}

resource "aws_iam_group" "staff" {
  name = "staff"
}

resource "aws_iam_group" "admins" {
  name = "admins-${var.step}"
  path = "/step${var.step}/"
}

resource "aws_iam_group" "guests" {
  name = "guests"
}

resource "aws_iam_group_policy" "inline" {
  name   = "inline"
  group  = aws_iam_group.staff.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_group_policy_attachment" "aws" {
  group      = aws_iam_group.staff.name
  policy_arn = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
}

resource "aws_iam_group_policies_exclusive" "staff" {
  group_name   = aws_iam_group.staff.name
  policy_names = [aws_iam_group_policy.inline.name]
}

resource "aws_iam_group_policy_attachments_exclusive" "staff" {
  group_name  = aws_iam_group.staff.name
  policy_arns = [aws_iam_group_policy_attachment.aws.policy_arn]
}

resource "aws_iam_group_membership" "staff" {
  name  = "staff"
  group = aws_iam_group.staff.name
  users = [aws_iam_user.bob.name]
}

resource "aws_iam_user_group_membership" "dora" {
  user   = aws_iam_user.dora.name
  groups = var.step == 1 ? [] : [aws_iam_group.guests.name]
}

# Identity providers and certificates

resource "aws_iam_openid_connect_provider" "github" {
  url             = "https://token.actions.githubusercontent.com"
  client_id_list  = var.step == 1 ? ["sts.amazonaws.com"] : ["sts.amazonaws.com", "other"]
  thumbprint_list = [var.step == 1 ? "6938fd4d98bab03faadb97b34396831e3780aea1" : "1c58a3a8518e8759bf075b76b750d4f2df264fcd"]
  tags            = { step = var.step }
}

resource "aws_iam_saml_provider" "corporate" {
  name                   = "corporate"
  saml_metadata_document = var.metadata[var.step]
  tags                   = { step = var.step }
}

resource "aws_iam_server_certificate" "site" {
  name             = "site"
  path             = "/cloudfront/"
  certificate_body = var.certificate
  private_key      = var.private_key
  tags             = { step = var.step }
  lifecycle {
    ignore_changes = [private_key] # which no import tells
  }
}

# The account

resource "aws_iam_account_alias" "alias" {
  account_alias = "terraform"
}

resource "aws_iam_account_password_policy" "strict" {
  minimum_password_length        = 8 + var.step
  require_lowercase_characters   = true
  require_uppercase_characters   = true
  require_numbers                = true
  require_symbols                = true
  allow_users_to_change_password = var.step == 1
  max_password_age               = 90
  password_reuse_prevention      = 3
  hard_expiry                    = var.step == 2
}

resource "aws_iam_security_token_service_preferences" "all" {
  global_endpoint_token_version = "v${var.step}Token"
}

resource "aws_organizations_organization" "all" {
  aws_service_access_principals = ["iam.amazonaws.com"]
}

resource "aws_iam_organizations_features" "root" {
  enabled_features = var.step == 1 ? ["RootCredentialsManagement"] : ["RootCredentialsManagement", "RootSessions"]
  depends_on       = [aws_organizations_organization.all]
}

# The data sources

data "aws_iam_role" "app" {
  name       = aws_iam_role.app.name
  depends_on = [aws_iam_role.app]
}

data "aws_iam_roles" "team" {
  path_prefix = aws_iam_role.app.path
  name_regex  = "^a"
}

data "aws_iam_instance_profile" "app" {
  name       = aws_iam_instance_profile.app.name
  depends_on = [aws_iam_instance_profile.app]
}

data "aws_iam_instance_profiles" "app" {
  role_name  = aws_iam_instance_profile.app.role
  depends_on = [aws_iam_instance_profile.app]
}

data "aws_iam_user" "bob" {
  user_name = aws_iam_user.bob.name
}

data "aws_iam_users" "all" {
  path_prefix = "/staff/"
  depends_on  = [aws_iam_user.bob]
}

data "aws_iam_access_keys" "bob" {
  user       = aws_iam_access_key.bob.user
  depends_on = [aws_iam_access_key.bob]
}

data "aws_iam_user_ssh_key" "bob" {
  username          = aws_iam_user.bob.name
  ssh_public_key_id = aws_iam_user_ssh_key.bob.ssh_public_key_id
  encoding          = "PEM"
}

data "aws_iam_group" "staff" {
  group_name = aws_iam_group.staff.name
  depends_on = [aws_iam_group_membership.staff]
}

data "aws_iam_policy" "read" {
  arn        = aws_iam_policy.read.arn
  depends_on = [aws_iam_policy.read]
}

data "aws_iam_policy" "by_name" {
  name        = "ViewOnlyAccess"
  path_prefix = "/job-function/"
}

data "aws_iam_openid_connect_provider" "github" {
  url        = "https://${aws_iam_openid_connect_provider.github.url}"
  depends_on = [aws_iam_openid_connect_provider.github]
}

data "aws_iam_saml_provider" "corporate" {
  arn        = aws_iam_saml_provider.corporate.arn
  depends_on = [aws_iam_saml_provider.corporate]
}

data "aws_iam_server_certificate" "site" {
  name_prefix = "si"
  path_prefix = "/cloudfront/"
  latest      = true
  depends_on  = [aws_iam_server_certificate.site]
}

data "aws_iam_account_alias" "alias" {
  depends_on = [aws_iam_account_alias.alias]
}

data "aws_iam_session_context" "me" {
  arn = "arn:aws:sts::${local.account}:assumed-role/${aws_iam_role.app.name}/me"
}

data "aws_iam_principal_policy_simulation" "app" {
  policy_source_arn = aws_iam_role.app.arn
  action_names      = ["kms:ListKeys", "kms:Decrypt"]
  context {
    key    = "aws:SecureTransport"
    type   = "boolean"
    values = ["false"]
  }
  depends_on = [aws_iam_role_policy.inline, aws_iam_role_policy_attachment.managed]
}

# Imports name what AWS chose.
output "ids" {
  value = {
    account      = local.account
    organization = aws_organizations_organization.all.id
    other        = aws_iam_policy.other.arn
    access_key   = aws_iam_access_key.bob.id
    ssh_key      = aws_iam_user_ssh_key.bob.ssh_public_key_id
    credential   = aws_iam_service_specific_credential.bob.service_specific_credential_id
    certificate  = aws_iam_signing_certificate.bob.certificate_id
  }
}

check "answers" {
  assert {
    condition     = data.aws_iam_role.app.arn == "arn:aws:iam::${local.account}:role/team/app" && data.aws_iam_roles.team.names == toset(["app"])
    error_message = "roles"
  }
  assert {
    condition     = data.aws_iam_session_context.me.issuer_arn == data.aws_iam_role.app.arn
    error_message = "session"
  }
  assert {
    condition     = data.aws_iam_instance_profile.app.role_name == aws_iam_instance_profile.app.role && data.aws_iam_instance_profiles.app.names == toset(["app"])
    error_message = "instance profiles"
  }
  assert {
    condition     = data.aws_iam_user.bob.arn == "arn:aws:iam::${local.account}:user/staff/bob" && data.aws_iam_users.all.names == toset(["bob"]) && data.aws_iam_group.staff.users[0].user_name == "bob"
    error_message = "users"
  }
  assert {
    condition     = one(data.aws_iam_access_keys.bob.access_keys).status == aws_iam_access_key.bob.status && startswith(data.aws_iam_user_ssh_key.bob.public_key, "-----BEGIN PUBLIC KEY-----")
    error_message = "keys of users"
  }
  assert {
    condition     = data.aws_iam_policy.by_name.arn == aws_iam_group_policy_attachment.aws.policy_arn && jsondecode(data.aws_iam_policy.read.policy) == jsondecode(data.aws_iam_policy_document.read.json)
    error_message = "policies"
  }
  assert {
    condition     = toset(data.aws_iam_openid_connect_provider.github.client_id_list) == aws_iam_openid_connect_provider.github.client_id_list && data.aws_iam_saml_provider.corporate.saml_metadata_document == var.metadata[var.step]
    error_message = "identity providers"
  }
  assert {
    condition     = data.aws_iam_server_certificate.site.name == "site" && data.aws_iam_account_alias.alias.account_alias == aws_iam_account_alias.alias.account_alias
    error_message = "server certificate, account alias"
  }
  assert {
    condition     = { for r in data.aws_iam_principal_policy_simulation.app.results : r.action_name => r.decision } == { "kms:ListKeys" = "allowed", "kms:Decrypt" = "implicitDeny" }
    error_message = "simulation"
  }
}
