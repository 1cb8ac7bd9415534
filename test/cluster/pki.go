package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// The users of the token file. Each has a kubeconfig of the same name.
const (
	admin       = "admin"
	limited     = "restricted" // may do nothing until a test gives it a role
	nodeName    = "alien-test-node"
	contextName = "alien-test"
)

// accounts lists every user: the name of its kubeconfig, its name for the API server, and its groups.
func accounts() [][3]string {
	return [][3]string{
		{admin, "admin", "system:masters"},
		{limited, "restricted", ""},
		{"kube-controller-manager", "system:kube-controller-manager", ""},
		{"kube-scheduler", "system:kube-scheduler", ""},
		{"kubelet", "system:node:" + nodeName, "system:nodes"},
	}
}

// writeIdentities writes keys, certificates, the token file and the kubeconfigs, once per cluster.
func writeIdentities(l layout, s settings) error {
	if _, err := os.Stat(l.kubeconfig(admin)); err == nil {
		return readdress(l, s)
	}
	authority, err := newAuthority(l)
	if err != nil {
		return err
	}
	server := x509.Certificate{
		Subject: pkix.Name{CommonName: "kube-apiserver"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	client := x509.Certificate{
		Subject: pkix.Name{CommonName: "kube-apiserver-kubelet-client"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if err := authority.issue(l, "apiserver", server); err != nil {
		return err
	}
	if err := authority.issue(l, "apiserver-kubelet", client); err != nil {
		return err
	}
	if _, err := newKey(l.path("pki", "service-accounts.key")); err != nil {
		return err
	}
	return writeKubeconfigs(l, s, authority.certificate)
}

// writeKubeconfigs writes the token file and, last of all that, the administrator's kubeconfig: where that is, all is.
func writeKubeconfigs(l layout, s settings, authority *x509.Certificate) error {
	var tokens strings.Builder
	all := accounts()
	for i := range all {
		a := all[len(all)-1-i]
		token := rand.Text()
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", token, a[1], a[1], a[2])
		if a[0] == admin {
			if err := os.WriteFile(l.path("pki", "tokens.csv"), []byte(tokens.String()), 0o600); err != nil {
				return err
			}
		}
		c := api.NewConfig()
		c.Clusters[contextName] = &api.Cluster{
			Server:                   s.server(),
			CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}),
		}
		c.AuthInfos[a[0]] = &api.AuthInfo{Token: token}
		c.Contexts[contextName] = &api.Context{Cluster: contextName, AuthInfo: a[0]}
		c.CurrentContext = contextName
		if err := clientcmd.WriteToFile(*c, l.kubeconfig(a[0])); err != nil {
			return err
		}
	}
	return nil
}

// readdress has the kubeconfigs that there are lead to where the API server is now.
func readdress(l layout, s settings) error {
	for _, a := range accounts() {
		c, err := clientcmd.LoadFromFile(l.kubeconfig(a[0]))
		if err != nil {
			return err
		}
		cluster := c.Clusters[contextName]
		if cluster == nil || cluster.Server == s.server() {
			continue
		}
		cluster.Server = s.server()
		if err := clientcmd.WriteToFile(*c, l.kubeconfig(a[0])); err != nil {
			return err
		}
	}
	return nil
}

func (s settings) server() string { return fmt.Sprintf("https://127.0.0.1:%d", s.APIPort) }

// authority signs the cluster's certificates.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func newAuthority(l layout) (*authority, error) {
	key, err := newKey(l.path("pki", "ca.key"))
	if err != nil {
		return nil, err
	}
	template := x509.Certificate{
		Subject: pkix.Name{CommonName: "alien-test-cluster"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	certificate, err := sign(l.path("pki", "ca.crt"), template, nil, key.Public(), key)
	return &authority{certificate, key}, err
}

func (a *authority) issue(l layout, name string, template x509.Certificate) error {
	key, err := newKey(l.path("pki", name+".key"))
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	_, err = sign(l.path("pki", name+".crt"), template, a.certificate, key.Public(), a.key)
	return err
}

// sign writes the certificate that template describes. Without a parent it signs itself.
func sign(path string, template x509.Certificate, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
	if parent == nil {
		parent = &template
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("cannot sign certificate %s: %w", path, err)
	}
	if err := writePEM(path, "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func newKey(path string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(path, "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
