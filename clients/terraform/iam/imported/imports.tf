# Everything again, into a state that knows nothing yet. The provider can't import memberships of a whole group, attachments
# of a policy to all that have it, and the preferences of STS: it makes these anew.
variable "ids" {
  type = map(string)
}

import {
  to = aws_iam_role.app
  id = "app"
}

import {
  to = aws_iam_role.deprecated
  id = "deprecated"
}

import {
  to = aws_iam_role_policy.inline
  id = "app:inline"
}

import {
  to = aws_iam_role_policy_attachment.managed
  id = "app/arn:aws:iam::${var.ids.account}:policy/read"
}

import {
  to = aws_iam_role_policies_exclusive.app
  id = "app"
}

import {
  to = aws_iam_role_policy_attachments_exclusive.app
  id = "app"
}

import {
  to = aws_iam_policy.read
  id = "arn:aws:iam::${var.ids.account}:policy/read"
}

import {
  to = aws_iam_policy.boundary
  id = "arn:aws:iam::${var.ids.account}:policy/boundary"
}

import {
  to = aws_iam_policy.other
  id = "${var.ids.other}"
}

import {
  to = aws_iam_instance_profile.app
  id = "app"
}

import {
  to = aws_iam_service_linked_role.batch
  id = "arn:aws:iam::${var.ids.account}:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
}

import {
  to = aws_iam_service_linked_role.suffixed
  id = "arn:aws:iam::${var.ids.account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_app"
}

import {
  to = aws_iam_user.bob
  id = "bob"
}

import {
  to = aws_iam_user.alice
  id = "alice-2"
}

import {
  to = aws_iam_user_policy.inline
  id = "bob:inline"
}

import {
  to = aws_iam_user_policy_attachment.aws
  id = "bob/arn:aws:iam::aws:policy/ReadOnlyAccess"
}

import {
  to = aws_iam_user_policies_exclusive.bob
  id = "bob"
}

import {
  to = aws_iam_user_policy_attachments_exclusive.bob
  id = "bob"
}

import {
  to = aws_iam_access_key.bob
  id = "${var.ids.access_key}"
}

import {
  to = aws_iam_user_login_profile.bob
  id = "bob"
}

import {
  to = aws_iam_user_ssh_key.bob
  id = "bob:${var.ids.ssh_key}:SSH"
}

import {
  to = aws_iam_service_specific_credential.bob
  id = "codecommit.amazonaws.com:bob:${var.ids.credential}"
}

import {
  to = aws_iam_signing_certificate.bob
  id = "${var.ids.certificate}:bob"
}

import {
  to = aws_iam_virtual_mfa_device.phone
  id = "arn:aws:iam::${var.ids.account}:mfa/staff/phone"
}

import {
  to = aws_iam_group.staff
  id = "staff"
}

import {
  to = aws_iam_group.admins
  id = "admins-2"
}

import {
  to = aws_iam_group_policy.inline
  id = "staff:inline"
}

import {
  to = aws_iam_group_policy_attachment.aws
  id = "staff/arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
}

import {
  to = aws_iam_group_policies_exclusive.staff
  id = "staff"
}

import {
  to = aws_iam_group_policy_attachments_exclusive.staff
  id = "staff"
}

import {
  to = aws_iam_user_group_membership.dora
  id = "dora/guests"
}

import {
  to = aws_iam_openid_connect_provider.github
  id = "arn:aws:iam::${var.ids.account}:oidc-provider/token.actions.githubusercontent.com"
}

import {
  to = aws_iam_saml_provider.corporate
  id = "arn:aws:iam::${var.ids.account}:saml-provider/corporate"
}

import {
  to = aws_iam_server_certificate.site
  id = "site"
}

import {
  to = aws_iam_account_alias.alias
  id = "terraform"
}

import {
  to = aws_iam_account_password_policy.strict
  id = "iam-account-password-policy"
}

import {
  to = aws_organizations_organization.all
  id = "${var.ids.organization}"
}

import {
  to = aws_iam_organizations_features.root
  id = "${var.ids.organization}"
}

import {
  to = aws_iam_user.dora
  id = "dora"
}

import {
  to = aws_iam_group.guests
  id = "guests"
}
