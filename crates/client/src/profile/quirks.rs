//! What is looked at, and in which ways registries are known to differ from the specification there.

use serde::{Deserialize, Serialize};

/// Makes [`Ability`] and [`Quirk`] of a table: of each ability what it is called, and of each of its quirks the name, what a
/// registry does that has it, and what that means here.
macro_rules! abilities {
    ($($ability:ident $title:literal { $($quirk:ident $name:literal: $says:literal, $effect:literal;)* })*) => {
        /// What a registry is asked to show.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Ability {
            $(#[doc = $title] $ability,)*
        }

        /// A way in which a registry differs from the specification, or one of several that the specification leaves open.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Quirk {
            $($(#[doc = $says] #[serde(rename = $name)] $quirk,)*)*
        }

        impl Ability {
            /// Returns what it is called, for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$ability => $title,)* }
            }

            /// Tells whether there is a quirk of it; else it is only told what was seen.
            pub fn has_quirks(self) -> bool {
                Quirk::ALL.iter().any(|quirk| quirk.ability() == self)
            }
        }

        impl Quirk {
            /// Every quirk, in the order in which they are looked for.
            pub const ALL: &[Self] = &[$($(Self::$quirk,)*)*];

            /// Returns its name, as it is in documents and files.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$quirk => $name,)*)* }
            }

            /// Returns of which ability it is one.
            pub const fn ability(self) -> Ability {
                match self { $($(Self::$quirk => Ability::$ability,)*)* }
            }

            /// Returns what a registry does that has it, as what follows "it".
            pub const fn says(self) -> &'static str {
                match self { $($(Self::$quirk => $says,)*)* }
            }

            /// Returns what that means here.
            pub const fn effect(self) -> &'static str {
                match self { $($(Self::$quirk => $effect,)*)* }
            }
        }
    };
}

abilities! {
    SignIn "sign-in" {}
    Catalog "list of repositories" {}
    AbsentRepository "absent repository" {
        AbsentRepositoryDenied "absent-repository-denied":
            "answers 401 or 403 for a repository that is not there",
            "one that is not there cannot be told from one that is not for this user: both are exit code 5";
        AbsentRepositoryOther "absent-repository-other":
            "answers neither 404 nor 401 nor 403 for a repository that is not there",
            "what it answers is taken for what it says";
    }
    AbsentTag "absent tag" {
        AbsentTagDenied "absent-tag-denied":
            "answers 401 or 403 for a tag that is not there",
            "where the repository can be read such a tag counts as not found";
        AbsentTagOther "absent-tag-other":
            "answers neither 404 nor 401 nor 403 for a tag that is not there",
            "counts as not found where the answer has the code of that, and is an error otherwise";
    }
    AbsentBlob "absent blob" {
        AbsentBlobDenied "absent-blob-denied":
            "answers 401 or 403 for a blob that is not there",
            "where the repository can be read such a blob counts as not found";
        AbsentBlobOther "absent-blob-other":
            "answers neither 404 nor 401 nor 403 for a blob that is not there",
            "counts as not found where the answer has the code of that, and is an error otherwise";
    }
    HeadManifest "HEAD of a manifest" {
        HeadRefused "head-refused":
            "does not take HEAD for a manifest",
            "manifests are asked for with GET";
        HeadIncomplete "head-incomplete":
            "does not say type, digest and size in answer to HEAD",
            "manifests are asked for with GET as well";
    }
    ManifestDigest "digest of a manifest" {
        DigestUnsaid "digest-unsaid":
            "does not say the digest of a manifest",
            "it is computed from the bytes, as it always is";
        DigestWrong "digest-wrong":
            "says a digest that is not that of the bytes",
            "what it gives is refused: exit code 6";
    }
    ManifestType "type of a manifest" {
        TypeUnsaid "type-unsaid":
            "does not say the type of a manifest",
            "the type is read in the manifest";
        TypeOther "type-other":
            "says another type than the manifest itself",
            "the manifest decides where it names its type";
    }
    TagList "list of tags" {
        TagListRefused "tag-list-refused":
            "does not list the tags of a repository",
            "what tags may attach is asked for by name; what needs all tags is exit code 5";
    }
    TagNames "names of tags" {
        TagsForeign "tags-foreign":
            "lists what is no tag among the tags",
            "that is left out";
    }
    TagLinks "links between pages" {
        TagLinkLost "tag-link-lost":
            "names a next page that is not there",
            "the page is looked for where the list is";
        TagLinkBare "tag-link-bare":
            "names the next page without the brackets of a link",
            "it is read as one";
        TagLinkEndless "tag-link-endless":
            "names a next page after the last",
            "that one is asked for as well, and is empty";
    }
    TagNumber "pages of tags" {
        TagNumberIgnored "tag-number-ignored":
            "gives all tags, however many are asked for",
            "they are read at once";
        TagNumberRefused "tag-number-refused":
            "refuses to be asked for 1000 tags at once",
            "it is asked for as many as it gives";
        TagListCut "tag-list-cut":
            "ends a page where so many were asked for, and names no next one",
            "it is asked again for all";
    }
    TagLast "tags after another" {
        TagLastIgnored "tag-last-ignored":
            "does not begin after the tag that it is asked to begin after",
            "pages are read by the links between them alone";
        TagLastRefused "tag-last-refused":
            "refuses to begin after a tag",
            "pages are read by the links between them alone";
    }
    TagOrder "order of tags" {
        TagsFolded "tags-folded":
            "lists tags without regard to capitals",
            "they are sorted here";
        TagsUnordered "tags-unordered":
            "lists tags in no order of their names",
            "they are sorted here";
    }
    Referrers "list of referrers" {
        ReferrersMissing "referrers-missing":
            "has no list of referrers",
            "artifacts are found and published by the tags of the specification's fallback";
        ReferrersUntyped "referrers-untyped":
            "answers the question for referrers with something that is no index",
            "is an error: what refers to an image is not known";
        ReferrersDenied "referrers-denied":
            "denies the list of referrers to who may read the repository",
            "is exit code 5: what refers to an image is not known";
        ReferrersNotFound "referrers-not-found":
            "answers 404 where nothing refers to a manifest",
            "that counts as no list, and the fallback is looked at as well";
    }
    ReferrersFilter "filter of referrers" {
        FilterIgnored "filter-ignored":
            "lists referrers of every type, whichever is asked for",
            "they are filtered here";
        FilterUnsaid "filter-unsaid":
            "filters referrers and does not say so",
            "they are filtered here once more";
        FilterClaimed "filter-claimed":
            "says that it has filtered referrers and has not",
            "they are filtered here";
    }
    ReferrersSubject "subjects of referrers" {
        ReferrersStrangers "referrers-strangers":
            "lists as referrers what refers to something else, or to nothing",
            "exit code 6 names the stranger: what else is missing is not known";
    }
    Ranges "parts of a blob" {
        RangesIgnored "ranges-ignored":
            "gives the whole blob where a part of it is asked for",
            "what breaks on the way is read again from the beginning";
        RangesRefused "ranges-refused":
            "refuses to give a part of a blob",
            "what breaks on the way is read again from the beginning";
    }
    NotModified "conditional requests" {
        NotModifiedUnsaid "not-modified-unsaid":
            "sends a manifest again that has not changed",
            "manifests that are here already are not asked for: HEAD suffices";
    }
    TagHistory "history of tags" {
        TagHistoryMissing "tag-history-missing":
            "does not tell how tags have moved",
            "`history` tells what was seen from here";
    }
    RateLimit "limits" {}
    Upload "uploads" {
        UploadsRefused "uploads-refused":
            "takes no uploads from this user",
            "nothing can be written: exit code 5, or what it says";
    }
    ChunkLength "length of chunks" {}
    SinglePost "upload in one request" {
        SinglePostSession "single-post-session":
            "opens a session where a blob comes in one request",
            "blobs go in two requests";
        SinglePostRefused "single-post-refused":
            "refuses a blob that comes in one request",
            "blobs go in two requests";
    }
    Chunks "upload in chunks" {
        ChunksRefused "chunks-refused":
            "does not take a blob in chunks",
            "an upload that breaks begins anew";
    }
    ChunkOrder "order of chunks" {
        ChunkOrderUnchecked "chunk-order-unchecked":
            "takes a chunk that does not follow the last",
            "it is asked how much it has before an upload goes on";
    }
    UploadStatus "state of an upload" {
        UploadStatusMissing "upload-status-missing":
            "does not say how much of an upload it has",
            "an upload that breaks begins anew";
        UploadStatusWrong "upload-status-wrong":
            "says another number of bytes than it was sent",
            "an upload that breaks goes on where it says, and its digest decides";
    }
    UploadCancel "end of an upload" {
        UploadCancelRefused "upload-cancel-refused":
            "does not let an upload be given up",
            "it has to forget them by itself";
    }
    Verification "verified uploads" {
        DigestUnverified "digest-unverified":
            "takes content that is not what its digest says",
            "everything is hashed here while it is sent";
    }
    Sha512 "sha512" {
        Sha512Refused "sha512-refused":
            "takes no content that is named by sha512",
            "such content cannot be copied there";
        Sha512Renamed "sha512-renamed":
            "takes content named by sha512 and names it otherwise",
            "such content cannot be copied there";
    }
    Mount "mounts" {
        MountRefused "mount-refused":
            "does not mount what it has",
            "blobs that another repository has are uploaded";
        MountClaimed "mount-claimed":
            "says that it has mounted what it does not have",
            "after a mount it is asked whether the blob is there";
    }
    Artifact "artifacts" {
        ArtifactRefused "artifact-refused":
            "takes no manifest with a type of artifact of its own",
            "artifacts cannot be published there";
    }
    Subject "subjects" {
        SubjectUnsaid "subject-unsaid":
            "does not say that it has noted what a manifest refers to",
            "the tag of the specification's fallback is set as well";
        SubjectUnlisted "subject-unlisted":
            "says that it has noted what a manifest refers to, and does not list it",
            "artifacts are not found there";
    }
    TagParameter "tags with a digest" {
        TagParameterIgnored "tag-parameter-ignored":
            "sets no tags along with a digest",
            "manifests named by sha512 cannot be tagged";
    }
    TagCondition "conditional tags" {
        TagConditionIgnored "tag-condition-ignored":
            "moves a tag whatever the condition",
            "it is asked what the tag names right before; another who moves it in between is not seen";
        TagConditionRefused "tag-condition-refused":
            "does not take a condition with a tag",
            "tags cannot be moved under a condition";
    }
    LargeManifest "large manifests" {
        LargeManifestRefused "large-manifest-refused":
            "takes no manifest of 4 MB",
            "such manifests cannot be copied there";
    }
    Overwritten "moved tags" {
        OverwrittenGone "overwritten-gone":
            "forgets a manifest when its last tag moves",
            "what is locked by digest may vanish: keep a tag on it, or `vendor`";
    }
    TagDeletion "deletion of tags" {
        TagDeletionRefused "tag-deletion-refused":
            "does not delete tags",
            "`delete` and `gc` cannot take tags away there";
        TagDeletionTakesManifest "tag-deletion-takes-manifest":
            "deletes the manifest along with a tag",
            "deleting one tag takes the others with it";
    }
    ManifestDeletion "deletion of manifests" {
        ManifestDeletionRefused "manifest-deletion-refused":
            "does not delete manifests",
            "`delete` and `gc` cannot take manifests away there";
        ManifestDeletionLate "manifest-deletion-late":
            "still gives a manifest that it has deleted",
            "what was deleted may be seen for a while";
    }
    BlobDeletion "deletion of blobs" {
        BlobDeletionRefused "blob-deletion-refused":
            "does not delete blobs",
            "blobs that nothing needs stay until the registry collects them";
    }
}
