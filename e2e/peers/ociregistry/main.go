// Command ociregistry serves an in-memory registry over plain HTTP.
//
// It stands in our tests for the registries that follow the specification closely: the Referrers API with its filter,
// cross-repository mounts, deletes of tags, manifests and blobs, and the refusal of a manifest whose children are missing.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "ociregistry:", err)
		os.Exit(1)
	}
}

func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	// The socket already accepts: whoever reads this line may connect at once, without polling.
	fmt.Println("listening", listener.Addr())
	return http.Serve(listener, ociserver.New(ocimem.New(), nil))
}
