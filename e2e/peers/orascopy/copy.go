package main

import (
	"context"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry"
)

// copyImage copies the image and what it contains, as `oras cp` does.
func copyImage(ctx context.Context, source, destination place, concurrency int) error {
	options := oras.DefaultCopyOptions
	options.Concurrency = concurrency
	_, err := oras.Copy(ctx, source.target, source.tag, destination.target, destination.tag, options)
	return err
}

// copyWithReferrers copies the image and, at any depth, what refers to it or to one of its children, as `oras cp -r` does.
func copyWithReferrers(ctx context.Context, source, destination place, concurrency int) error {
	options := oras.DefaultExtendedCopyGraphOptions
	options.Concurrency = concurrency
	options.FindPredecessors = referrersOfFamily

	root, err := source.target.Resolve(ctx, source.tag)
	if err != nil {
		return err
	}
	// The extended copy starts from the outermost referrers and walks down to their subjects. A referrer of a child
	// leads to that child but not to the index above it, so the image itself is copied by its own.
	if err := oras.CopyGraph(ctx, source.target, destination.target, root, options.CopyGraphOptions); err != nil {
		return err
	}
	if err := oras.ExtendedCopyGraph(ctx, source.target, destination.target, root, options); err != nil {
		return err
	}
	return destination.target.Tag(ctx, root, destination.tag)
}

// referrersOfFamily lists what refers to the node or to a manifest the node contains. An image layout's notion of a
// predecessor also has the indexes that contain the node; those are other images, and stay behind.
func referrersOfFamily(ctx context.Context, source content.ReadOnlyGraphStorage, node ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	referrers, err := registry.Referrers(ctx, source, node, "")
	if err != nil {
		return nil, err
	}
	children, err := childManifests(ctx, source, node)
	if err != nil {
		return nil, err
	}
	for _, child := range children {
		ofChild, err := referrersOfFamily(ctx, source, child)
		if err != nil {
			return nil, err
		}
		referrers = append(referrers, ofChild...)
	}
	return referrers, nil
}
