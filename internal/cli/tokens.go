package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

func newTokensCmd(d *deps, c *common) *cobra.Command {
	cmd := &cobra.Command{Use: "tokens", Short: "Mint, list, rotate and revoke the tokens of a manager"}
	c.addManagerFlags(cmd)
	cmd.AddCommand(newTokenCreateCmd(d, c), newTokenListCmd(d, c), newTokenRotateCmd(d, c), newTokenRevokeCmd(d, c))
	return group(cmd)
}

type tokenOptions struct {
	kind, deployment, target, name string
	expiresIn                      time.Duration
}

func newTokenCreateCmd(d *deps, c *common) *cobra.Command {
	o := &tokenOptions{}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Mint a token and print it, once",
		Long: "Mints a token and prints it; the manager keeps only its hash, so it cannot be shown again. A sender's token sends commands to one " +
			"deployment and reads them, a receiver's takes the commands of one daemon, an admin's does everything.",
		Example: "  alien tokens create --kind sender --deployment edge --label ci",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.withManager(c, func(m *manager) error {
				ask := api.MintToken{Kind: api.Kind(o.kind), DeploymentID: o.deployment, TargetResourceID: o.target, Name: o.name}
				if o.expiresIn > 0 {
					ask.ExpiresAt = wire.At(d.now().Add(o.expiresIn))
				}
				t, err := m.api().Mint(cmd.Context(), ask)
				return d.printMinted(c, t, err)
			})
		},
	}
	f := cmd.Flags()
	enum(cmd, f, &o.kind, "kind", "", "sender", "what the token is `for`", "sender", "receiver", "admin")
	f.StringVar(&o.deployment, "deployment", "", "`id` of the deployment, of a sender or receiver")
	f.StringVar(&o.target, "target", "", "`name` of the daemon, of a receiver")
	f.StringVar(&o.name, "label", "", "`text` for people, to know the token by")
	addDuration(f, &o.expiresIn, "expires-in", 0, 0, "how long the token works; 0 is for good")
	return cmd
}

// printMinted prints the one secret that is meant to be seen: for people and pipes alone on standard output.
func (d *deps) printMinted(c *common, t api.MintedToken, err error) error {
	if err != nil {
		return managerFailure(err)
	}
	doc := output.NewToken(t.Token)
	doc.Head, doc.Secret = output.NewHead(output.KindToken), t.Secret
	return d.print(c, doc, func(ui.Theme) string { return t.Secret + "\n" })
}

func (d *deps) withManager(c *common, f func(*manager) error) error {
	m, err := d.managerFor(c)
	if err != nil {
		return err
	}
	return f(m)
}

func newTokenListCmd(d *deps, c *common) *cobra.Command {
	deployment := ""
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List tokens, without their secrets",
		Long:    "Lists the tokens that are not revoked, the oldest first, without their secrets.",
		Example: "  alien tokens list --deployment edge",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.withManager(c, func(m *manager) error {
				tokens, err := m.api().Tokens(cmd.Context(), deployment)
				if err != nil {
					return managerFailure(err)
				}
				doc := output.NewTokens(tokens)
				return d.print(c, doc, func(t ui.Theme) string { return tokenTable(t, doc, d.now()) })
			})
		},
	}
	cmd.Flags().StringVar(&deployment, "deployment", "", "only those of the deployment with this `id`")
	return cmd
}

func tokenTable(t ui.Theme, doc output.Tokens, now time.Time) string {
	if len(doc.Tokens) == 0 {
		return "no tokens\n"
	}
	rows := make([][]string, 0, len(doc.Tokens))
	for _, x := range doc.Tokens {
		expires := "never"
		if !x.ExpiresAt.IsZero() {
			expires = x.ExpiresAt.Format(time.RFC3339)
		}
		rows = append(rows, []string{x.ID, x.TokenKind, orDash(ui.Plain(x.DeploymentID)), orDash(ui.Plain(x.Target)), orDash(ui.Plain(x.Name)),
			ui.Duration(now.Sub(x.CreatedAt).Round(time.Second)), expires})
	}
	return t.Table([]string{"TOKEN ID", "KIND", "DEPLOYMENT", "TARGET", "LABEL", "AGE", "EXPIRES"}, rows)
}

func newTokenRotateCmd(d *deps, c *common) *cobra.Command {
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "rotate TOKEN-ID",
		Short: "Give a token a new secret and print it, once",
		Long: "Gives a token a new secret, which is printed; its id stays. The old secret works for --grace more. A daemon whose token was rotated " +
			"gets a new one by the next up.",
		Example: "  alien tokens rotate tok_4f0c --grace 10m",
		Args:    oneArg("a token's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.withManager(c, func(m *manager) error {
				t, err := m.api().Rotate(cmd.Context(), args[0], grace)
				return d.printMinted(c, t, err)
			})
		},
	}
	addDuration(cmd.Flags(), &grace, "grace", 0, 0, "how long the old secret goes on working")
	return cmd
}

func newTokenRevokeCmd(d *deps, c *common) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke TOKEN-ID",
		Short:   "End a token at once",
		Long:    "Ends a token at once. A daemon whose token was revoked gets a new one by the next up.",
		Example: "  alien tokens revoke tok_4f0c",
		Args:    oneArg("a token's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.withManager(c, func(m *manager) error {
				if err := m.api().Revoke(cmd.Context(), args[0]); err != nil {
					return managerFailure(err)
				}
				doc := output.Revoked{Head: output.NewHead(output.KindRevoked), ID: args[0]}
				return d.print(c, doc, func(ui.Theme) string { return "revoked " + ui.Plain(args[0]) + "\n" })
			})
		},
	}
}
