// Command liar serves an in-memory registry over plain HTTP that promises more than it keeps.
//
// It answers the Referrers API but ignores the artifactType filter, and answers every mount with 202 as if it had never
// heard of it. Both are allowed by the specification, and clients that trust the happy answer break here.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "liar:", err)
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
	// A line on stderr for each request would drown the output of the test that started us.
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	return http.Serve(listener, registry.New(quiet, registry.WithReferrersSupport(true)))
}
