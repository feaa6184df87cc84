//! Scratch.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::print_stderr)]
use std::time::Instant;
use client::{Client, ClientOptions};
use oci::{Descriptor, MediaType};
use store::{BlobBody, BlobSource, Meter, Store, StoreError};

struct From(Repository, Descriptor);
use client::Repository;
#[async_trait::async_trait]
impl BlobSource for From {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        Ok(self.0.open_blob(&self.1, offset).await?.unwrap())
    }
}
struct Local(std::path::PathBuf);
#[async_trait::async_trait]
impl BlobSource for Local {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        let file = std::fs::File::open(&self.0).unwrap();
        let length = file.metadata().unwrap().len();
        Ok(BlobBody::from_file(file, offset, length - offset))
    }
}
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let client = Client::new(ClientOptions::default());
    let repo = |text: &str| { let (h, n) = text.split_once('/').unwrap(); client.repository(&h.parse().unwrap(), &n.parse().unwrap()) };
    match args[1].as_str() {
        "ping" => { client.ping(&args[2].parse().unwrap()).await.unwrap(); println!("ok"); }
        "put" => {
            let bytes = std::fs::read(&args[3]).unwrap();
            let d = Descriptor::of(MediaType::OCTET_STREAM, &bytes); drop(bytes);
            let r = repo(&args[2]); let meter = Meter::default();
            let (t, c) = (Instant::now(), cpu());
            let put = r.put_blob(&d, &Local(args[3].clone().into()), &meter).await.unwrap();
            println!("{} {put:?} {} bytes {:?} cpu {:.2}", d.digest, meter.bytes(), t.elapsed(), cpu() - c);
        }
        "copy" => {
            let (a, b) = (repo(&args[2]), repo(&args[3]));
            let digest = args[4].parse().unwrap();
            let (t, c) = (Instant::now(), cpu());
            let size = a.stat_blob(&digest).await.unwrap().unwrap();
            let d = Descriptor::new(MediaType::OCTET_STREAM, digest, size);
            let meter = Meter::default();
            let put = b.put_blob(&d, &From(a, d.clone()), &meter).await.unwrap();
            println!("{put:?} {} bytes {:?} cpu {:.2}", meter.bytes(), t.elapsed(), cpu() - c);
        }
        "many" => {
            use futures_util::StreamExt;
            let r = repo(&args[2]); let n: usize = args[3].parse().unwrap(); let size: usize = args[4].parse().unwrap();
            let salt: u64 = rand::random();
            let blobs: Vec<_> = (0..n).map(|i| { let mut v = vec![i as u8; size]; v[..8].copy_from_slice(&(salt + i as u64).to_le_bytes()); bytes::Bytes::from(v) }).collect();
            struct Mem(bytes::Bytes);
            #[async_trait::async_trait]
            impl BlobSource for Mem { async fn open(&self, o: u64) -> Result<BlobBody, StoreError> { Ok(BlobBody::from_bytes(self.0.slice(o as usize..))) } }
            let (t, c) = (Instant::now(), cpu());
            let meter = Meter::default();
            futures_util::stream::iter(blobs).for_each_concurrent(32, |b| { let r = r.clone(); let meter = meter.clone(); async move {
                let d = Descriptor::of(MediaType::OCTET_STREAM, &b);
                assert!(r.stat_blob(&d.digest).await.unwrap().is_none());
                r.put_blob(&d, &Mem(b), &meter).await.unwrap();
            }}).await;
            println!("{n} blobs {} bytes {:?} cpu {:.2}", meter.bytes(), t.elapsed(), cpu() - c);
        }
        "manifest" => {
            let r = repo(&args[2]);
            println!("{:?}", r.tags().await);
            let tag = args[3].parse().unwrap();
            let d = r.resolve(&tag).await; println!("{d:?}");
            if let Ok(Some(d)) = d { println!("{:?}", r.manifest(&d.digest).await.map(|m| m.map(|m| m.descriptor()))); println!("{:?}", r.referrers(&d.digest, None).await); }
        }
        _ => panic!(),
    }
}
