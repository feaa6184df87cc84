package main

import (
	"context"
	"errors"
	"strings"

	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/oci"
)

// place is a tag somewhere: in an image layout or in a registry.
type place struct {
	target oras.GraphTarget
	tag    string
}

// openPlace understands oci:PATH:TAG and HOST/REPO:TAG. A layout that does not exist yet is created.
func openPlace(ctx context.Context, text string, access access) (place, error) {
	if layout, isLayout := strings.CutPrefix(text, "oci:"); isLayout {
		colon := strings.LastIndexByte(layout, ':')
		if colon <= 0 || strings.ContainsRune(layout[colon:], '/') {
			return place{}, errors.New("expected oci:PATH:TAG")
		}
		store, err := oci.NewWithContext(ctx, layout[:colon])
		return place{target: store, tag: layout[colon+1:]}, err
	}
	repository, err := access.repository(text)
	if err != nil {
		return place{}, err
	}
	if repository.Reference.Reference == "" {
		return place{}, errors.New("expected HOST/REPO:TAG")
	}
	return place{target: repository, tag: repository.Reference.Reference}, nil
}
