package main

import (
	"context"
	"encoding/json"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

const dockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"

// childManifests lists the manifests an index contains; for every other node the list is empty.
func childManifests(ctx context.Context, source content.Fetcher, node ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if node.MediaType != ocispec.MediaTypeImageIndex && node.MediaType != dockerManifestList {
		return nil, nil
	}
	bytes, err := content.FetchAll(ctx, source, node)
	if err != nil {
		return nil, err
	}
	var index ocispec.Index
	if err := json.Unmarshal(bytes, &index); err != nil {
		return nil, err
	}
	return index.Manifests, nil
}
