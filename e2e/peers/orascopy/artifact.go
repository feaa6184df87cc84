package main

import (
	"context"
	"fmt"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/file"
	"oras.land/oras-go/v2/registry/remote"
)

const fileMediaType = "application/octet-stream"

// pushArtifact pushes an artifact with one file under a tag and prints its digest, as `oras push` does.
func pushArtifact(ctx context.Context, access access, reference, artifactType, path string) error {
	repository, err := access.repository(reference)
	if err != nil {
		return err
	}
	return pack(ctx, repository, repository.Reference.Reference, artifactType, path, nil)
}

// attachArtifact pushes an artifact that refers to what a reference names and prints its digest, as `oras attach` does.
func attachArtifact(ctx context.Context, access access, reference, artifactType, path string) error {
	repository, err := access.repository(reference)
	if err != nil {
		return err
	}
	subject, err := repository.Resolve(ctx, repository.Reference.Reference)
	if err != nil {
		return err
	}
	return pack(ctx, repository, "", artifactType, path, &subject)
}

// pack pushes a file as an artifact: with a tag, or without one where tag is empty.
func pack(ctx context.Context, repository *remote.Repository, tag, artifactType, path string, subject *ocispec.Descriptor) error {
	store, err := file.New("")
	if err != nil {
		return err
	}
	defer store.Close()
	layer, err := store.Add(ctx, filepath.Base(path), fileMediaType, path)
	if err != nil {
		return err
	}
	manifest, err := oras.PackManifest(ctx, store, oras.PackManifestVersion1_1, artifactType, oras.PackManifestOptions{
		Subject: subject,
		Layers:  []ocispec.Descriptor{layer},
	})
	if err != nil {
		return err
	}
	name := manifest.Digest.String()
	if err := store.Tag(ctx, manifest, name); err != nil {
		return err
	}
	if tag == "" {
		tag = name
	}
	if _, err := oras.Copy(ctx, store, name, repository, tag, oras.DefaultCopyOptions); err != nil {
		return err
	}
	fmt.Println(manifest.Digest)
	return nil
}

// discoverArtifacts prints digest and type of what refers to a reference, one a line, as `oras discover` does.
func discoverArtifacts(ctx context.Context, access access, reference, artifactType string) error {
	repository, err := access.repository(reference)
	if err != nil {
		return err
	}
	subject, err := repository.Resolve(ctx, repository.Reference.Reference)
	if err != nil {
		return err
	}
	return repository.Referrers(ctx, subject, artifactType, func(referrers []ocispec.Descriptor) error {
		for _, referrer := range referrers {
			fmt.Println(referrer.Digest, referrer.ArtifactType)
		}
		return nil
	})
}

// pullArtifact writes the files of an artifact into a directory, as `oras pull` does.
func pullArtifact(ctx context.Context, access access, reference, directory string) error {
	repository, err := access.repository(reference)
	if err != nil {
		return err
	}
	store, err := file.New(directory)
	if err != nil {
		return err
	}
	defer store.Close()
	tag := repository.Reference.Reference
	_, err = oras.Copy(ctx, repository, tag, store, tag, oras.DefaultCopyOptions)
	return err
}
