// Package zxcvbn replaces the estimate of a password's strength: its word lists take two fifths of `pulumi version`.
//
// `pulumi config set` asks it whether a plain value under a name like `token` looks like a secret. Here, all values of
// seven characters or more do, so they need --secret or --plaintext.
package zxcvbn

const bitsOfCharacter = 6

// Strength is the estimate for one password.
type Strength struct {
	Entropy float64
}

// PasswordStrength returns the entropy of a random text of the same length.
func PasswordStrength(password string, _ []string) Strength {
	return Strength{Entropy: float64(bitsOfCharacter * len(password))}
}
