// An ADS server made of go-control-plane, steered by a test: each line on stdin is a snapshot
// {"version":"1","node":"ID","resources":[{"@type":"type.googleapis.com/...", ...}]}, each line on stdout an event
// {"event":"listening","port":N}, {"event":"request", ...}. It ends with its standard input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
)

type snapshot struct {
	Version   string            `json:"version"`
	Resources []json.RawMessage `json:"resources"`
}

type oneNode struct{}

// Every client is the same node: the test has one.
func (oneNode) ID(*core.Node) string { return "client" }

var out sync.Mutex

func emit(event map[string]any) {
	out.Lock()
	defer out.Unlock()
	line, err := json.Marshal(event)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

func load(line []byte) (*cache.Snapshot, error) {
	var s snapshot
	if err := json.Unmarshal(line, &s); err != nil {
		return nil, err
	}
	byType := map[resource.Type][]types.Resource{}
	for _, raw := range s.Resources {
		var boxed anypb.Any
		if err := protojson.Unmarshal(raw, &boxed); err != nil {
			return nil, err
		}
		message, err := boxed.UnmarshalNew()
		if err != nil {
			return nil, err
		}
		byType[boxed.TypeUrl] = append(byType[boxed.TypeUrl], message)
	}
	return cache.NewSnapshot(s.Version, byType)
}

func main() {
	snapshots := cache.NewSnapshotCache(false, oneNode{}, nil)
	callbacks := server.CallbackFuncs{
		StreamRequestFunc: func(_ int64, r *discovery.DiscoveryRequest) error {
			emit(map[string]any{"event": "request", "variant": "sotw", "type": r.TypeUrl, "names": r.ResourceNames, "version": r.VersionInfo, "nonce": r.ResponseNonce, "error": r.ErrorDetail.GetMessage(), "node": r.Node.GetId()})
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, r *discovery.DeltaDiscoveryRequest) error {
			emit(map[string]any{"event": "request", "variant": "delta", "type": r.TypeUrl, "names": r.ResourceNamesSubscribe, "nonce": r.ResponseNonce, "error": r.ErrorDetail.GetMessage(), "node": r.Node.GetId()})
			return nil
		},
	}
	ads := server.NewServer(context.Background(), snapshots, callbacks)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	serving := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(serving, ads)
	go func() {
		if err := serving.Serve(listener); err != nil {
			log.Fatal(err)
		}
	}()
	emit(map[string]any{"event": "listening", "port": listener.Addr().(*net.TCPAddr).Port})

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	for lines.Scan() {
		next, err := load(lines.Bytes())
		if err == nil {
			err = snapshots.SetSnapshot(context.Background(), "client", next)
		}
		if err != nil {
			emit(map[string]any{"event": "error", "error": err.Error()})
		}
	}
	serving.Stop()
}
