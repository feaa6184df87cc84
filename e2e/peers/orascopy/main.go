// Command orascopy copies an image, or an image and everything that refers to it, with the oras library.
//
//	orascopy [--plain-http] [--recursive] [--concurrency N] SRC DST
//
// SRC and DST are oci:PATH:TAG (an image layout) or HOST/REPO:TAG (a registry). The oras command line itself cannot be
// installed with the ordinary Go client, so this is how we compare with it. It prints nothing when it succeeds.
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
	if len(arguments) != 2 {
		return errors.New("expected SRC and DST")
	}
	source, err := openPlace(ctx, arguments[0], plainHTTP)
	if err != nil {
		return fmt.Errorf("source %s: %w", arguments[0], err)
	}
	destination, err := openPlace(ctx, arguments[1], plainHTTP)
	if err != nil {
		return fmt.Errorf("destination %s: %w", arguments[1], err)
	}
	if recursive {
		return copyWithReferrers(ctx, source, destination, concurrency)
	}
	return copyImage(ctx, source, destination, concurrency)
}
