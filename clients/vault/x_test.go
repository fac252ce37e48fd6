package vault

import (
	_ "github.com/hashicorp/vault/builtin/credential/aws"
	_ "github.com/hashicorp/vault/builtin/logical/aws"
)
