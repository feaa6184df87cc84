package main

import (
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// access is how registries are reached: with or without TLS, and with what docker has noted of them.
type access struct {
	plainHTTP  bool
	credential auth.CredentialFunc
}

// newAccess reads the configuration of docker, of which one without credentials is as good as none.
func newAccess(plainHTTP bool) (access, error) {
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return access{}, err
	}
	return access{plainHTTP: plainHTTP, credential: credentials.Credential(store)}, nil
}

func (a access) repository(reference string) (*remote.Repository, error) {
	repository, err := remote.NewRepository(reference)
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = a.plainHTTP
	repository.Client = &auth.Client{Client: retry.DefaultClient, Cache: auth.NewCache(), Credential: a.credential}
	return repository, nil
}
