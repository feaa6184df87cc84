CREATE TABLE repository_usage (
  repository BIGINT PRIMARY KEY,
  bytes BIGINT NOT NULL,
  blobs BIGINT NOT NULL,
  manifests BIGINT NOT NULL,
  tags BIGINT NOT NULL
);

INSERT INTO repository_usage (repository, bytes, blobs, manifests, tags)
SELECT repository.id,
  CAST((SELECT COALESCE(SUM(blob.size), 0) FROM repository_blob JOIN blob ON blob.digest = repository_blob.digest
    WHERE repository_blob.repository = repository.id)
  + (SELECT COALESCE(SUM(manifest.size), 0) FROM manifest WHERE manifest.repository = repository.id) AS BIGINT),
  (SELECT COUNT(*) FROM repository_blob WHERE repository_blob.repository = repository.id),
  (SELECT COUNT(*) FROM manifest WHERE manifest.repository = repository.id),
  (SELECT COUNT(*) FROM tag WHERE tag.repository = repository.id)
FROM repository
