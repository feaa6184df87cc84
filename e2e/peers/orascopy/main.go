// Command orascopy does with the oras library what the oras command line does, which cannot be installed with the ordinary Go client.
//
//	orascopy [--plain-http] [--recursive] [--concurrency N] SRC DST
//	orascopy [--plain-http] push REFERENCE TYPE FILE
//	orascopy [--plain-http] attach REFERENCE TYPE FILE
//	orascopy [--plain-http] discover REFERENCE TYPE
//	orascopy [--plain-http] pull REFERENCE DIRECTORY
//
// SRC and DST are oci:PATH:TAG (an image layout) or HOST/REPO:TAG (a registry). To copy and to pull prints nothing; push and
// attach print the digest of the artifact, discover a digest and a type a line, of all types where TYPE is empty. Who asks is
// what the configuration of docker says.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	plainHTTP := flag.Bool("plain-http", false, "talk to registries without TLS")
	recursive := flag.Bool("recursive", false, "also copy what refers to the image or to its children, at any depth")
	concurrency := flag.Int("concurrency", 3, "copies in flight at once; 3 is the default of oras")
	flag.Parse()
	if err := run(context.Background(), flag.Args(), *plainHTTP, *recursive, *concurrency); err != nil {
		fmt.Fprintln(os.Stderr, "orascopy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, plainHTTP, recursive bool, concurrency int) error {
	access, err := newAccess(plainHTTP)
	if err != nil {
		return err
	}
	switch {
	case len(arguments) == 4 && arguments[0] == "push":
		return pushArtifact(ctx, access, arguments[1], arguments[2], arguments[3])
	case len(arguments) == 4 && arguments[0] == "attach":
		return attachArtifact(ctx, access, arguments[1], arguments[2], arguments[3])
	case len(arguments) == 3 && arguments[0] == "discover":
		return discoverArtifacts(ctx, access, arguments[1], arguments[2])
	case len(arguments) == 3 && arguments[0] == "pull":
		return pullArtifact(ctx, access, arguments[1], arguments[2])
	case len(arguments) != 2:
		return errors.New("expected SRC and DST, or what to do with an artifact")
	}
	source, err := openPlace(ctx, arguments[0], access)
	if err != nil {
		return fmt.Errorf("source %s: %w", arguments[0], err)
	}
	destination, err := openPlace(ctx, arguments[1], access)
	if err != nil {
		return fmt.Errorf("destination %s: %w", arguments[1], err)
	}
	if recursive {
		return copyWithReferrers(ctx, source, destination, concurrency)
	}
	return copyImage(ctx, source, destination, concurrency)
}
