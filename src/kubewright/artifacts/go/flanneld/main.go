// Command flanneld runs flannel's network from flannel's own packages, with the Kubernetes subnet manager and the back ends vxlan and host-gw.
//
// Flannel's own command also links back ends of cloud providers; this one has the flags of it that kubewright's manifest uses, with their meaning.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw"
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"
	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/ipmatch"
	"github.com/flannel-io/flannel/pkg/subnet"
	"github.com/flannel-io/flannel/pkg/subnet/kube"
	"github.com/flannel-io/flannel/pkg/trafficmngr/iptables"
	"github.com/flannel-io/flannel/pkg/version"
	"github.com/joho/godotenv"
	log "k8s.io/klog/v2"
)

type options struct {
	iface, publicIP, subnetFile, netConfPath, kubeConfigFile, annotationPrefix, healthzIP string
	healthzPort, resyncSeconds                                                            int
	ipMasq, forwardRules, setNodeNetworkUnavailable, showVersion                          bool
}

func main() {
	given := parse()
	if given.showVersion {
		fmt.Println(version.Version)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, given); err != nil {
		log.Errorf("flanneld: %v", err)
		log.Flush()
		os.Exit(1)
	}
}

func parse() options {
	var given options
	var kubeSubnetManager bool
	log.InitFlags(nil)
	flag.StringVar(&given.iface, "iface", "", "interface to use (IP or name) for inter-host communication")
	flag.StringVar(&given.publicIP, "public-ip", "", "IP accessible by other nodes for inter-host communication")
	flag.StringVar(&given.subnetFile, "subnet-file", "/run/flannel/subnet.env", "file that subnet, MTU and others are written to")
	flag.StringVar(&given.netConfPath, "net-config-path", "/etc/kube-flannel/net-conf.json", "network configuration file")
	flag.StringVar(&given.kubeConfigFile, "kubeconfig-file", "", "kubeconfig; not needed in a pod")
	flag.StringVar(&given.annotationPrefix, "kube-annotation-prefix", "flannel.alpha.coreos.com", "prefix of the Node's annotations")
	flag.StringVar(&given.healthzIP, "healthz-ip", "0.0.0.0", "address of the health server")
	flag.IntVar(&given.healthzPort, "healthz-port", 0, "port of the health server (0 turns it off)")
	flag.IntVar(&given.resyncSeconds, "iptables-resync", 5, "seconds between checks of the packet rules")
	flag.BoolVar(&given.ipMasq, "ip-masq", false, "masquerade traffic that leaves the pod network")
	flag.BoolVar(&given.forwardRules, "iptables-forward-rules", true, "accept forwarding of the pod network")
	flag.BoolVar(&given.setNodeNetworkUnavailable, "set-node-network-unavailable", true, "set NodeNetworkUnavailable after ready")
	flag.BoolVar(&kubeSubnetManager, "kube-subnet-mgr", true, "take subnets from the Kubernetes API; the only way here")
	flag.BoolVar(&given.showVersion, "version", false, "print the version and exit")
	flag.Parse()
	if !kubeSubnetManager {
		log.Exit("--kube-subnet-mgr=false is not supported: subnets come from the Kubernetes API")
	}
	return given
}

func run(ctx context.Context, given options) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	// Whatever ends this function, the goroutines are told and awaited.
	defer group.Wait()
	defer cancel()
	var ready atomic.Bool
	if given.healthzPort > 0 {
		serveHealth(ctx, &group, net.JoinHostPort(given.healthzIP, strconv.Itoa(given.healthzPort)), &ready)
	}
	manager, err := kube.NewSubnetManager(ctx, "", given.kubeConfigFile, given.annotationPrefix, given.netConfPath, given.setNodeNetworkUnavailable)
	if err != nil {
		return fmt.Errorf("create subnet manager: %w", err)
	}
	config, err := manager.GetNetworkConfig(ctx)
	if err != nil {
		return fmt.Errorf("read network configuration: %w", err)
	}
	if config.EnableNFTables {
		return errors.New("EnableNFTables in the network configuration is not supported")
	}
	network, err := register(ctx, &group, manager, config, given)
	if err != nil {
		return err
	}
	if err := setRules(ctx, config, network, given); err != nil {
		return err
	}
	if err := manager.HandleSubnetFile(given.subnetFile, config, given.ipMasq, network.Lease().Subnet, network.Lease().IPv6Subnet, network.MTU()); err != nil {
		return fmt.Errorf("write %s: %w", given.subnetFile, err)
	}
	ready.Store(true)
	log.Infof("wrote %s, flannel is ready", given.subnetFile)
	group.Add(1)
	go func() {
		defer group.Done()
		network.Run(ctx)
	}()
	err = manager.CompleteLease(ctx, network.Lease(), &group)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("complete lease: %w", err)
	}
	<-ctx.Done()
	return nil
}

func register(ctx context.Context, group *sync.WaitGroup, manager subnet.Manager, config *subnet.Config, given options) (backend.Network, error) {
	if _, err := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables"); err != nil {
		log.Warning("br_netfilter is not there: pods cannot reach services whose pod is on the same node")
	}
	if stored, _ := manager.GetStoredPublicIP(ctx); stored != "" {
		given.publicIP = stored
	}
	stack, err := ipmatch.GetIPFamily(config.EnableIPv4, config.EnableIPv6)
	if err != nil {
		return nil, err
	}
	name := given.iface
	if name == "" {
		name = given.publicIP
	}
	external, err := ipmatch.LookupExtIface(name, "", "", stack, ipmatch.PublicIPOpts{PublicIP: given.publicIP})
	if err != nil {
		return nil, fmt.Errorf("find interface %q: %w", name, err)
	}
	used, err := backend.NewManager(ctx, manager, external).GetBackend(config.BackendType)
	if err != nil {
		return nil, fmt.Errorf("back end %s: %w", config.BackendType, err)
	}
	network, err := used.RegisterNetwork(ctx, group, config)
	if err != nil {
		return nil, fmt.Errorf("register network: %w", err)
	}
	return network, nil
}

func setRules(ctx context.Context, config *subnet.Config, network backend.Network, given options) error {
	rules := &iptables.IPTablesManager{}
	if err := rules.Init(ctx); err != nil {
		return fmt.Errorf("packet rules: %w", err)
	}
	if given.ipMasq {
		previousSubnet, previousNetwork := readCIDR(given.subnetFile, "FLANNEL_SUBNET"), readCIDR(given.subnetFile, "FLANNEL_NETWORK")
		err := rules.SetupAndEnsureMasqRules(ctx, config.Network, previousSubnet, previousNetwork,
			config.IPv6Network, ip.IP6Net{}, ip.IP6Net{}, network.Lease(), given.resyncSeconds, false)
		if err != nil {
			return fmt.Errorf("masquerading: %w", err)
		}
	}
	if given.forwardRules {
		rules.SetupAndEnsureForwardRules(ctx, config.Network, config.IPv6Network, given.resyncSeconds)
	}
	return nil
}

// readCIDR returns what an earlier run wrote, so that its rules are replaced; the zero value where there was none.
func readCIDR(path, key string) ip.IP4Net {
	values, err := godotenv.Read(path)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			log.Warningf("cannot read %s: %v", path, err)
		}
		return ip.IP4Net{}
	}
	_, network, err := net.ParseCIDR(values[key])
	if err != nil || network.IP.To4() == nil {
		return ip.IP4Net{}
	}
	return ip.FromIPNet(network)
}

func serveHealth(ctx context.Context, group *sync.WaitGroup, address string, ready *atomic.Bool) {
	routes := http.NewServeMux()
	routes.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	routes.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: address, Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	group.Add(2)
	go func() {
		defer group.Done()
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Exitf("health server on %s: %v", address, err)
		}
	}()
	go func() {
		defer group.Done()
		<-ctx.Done()
		_ = server.Close()
	}()
}
