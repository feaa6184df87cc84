use super::{Random, whole, yaml};
use crate::marked::Marked;

pub(super) fn write(file: &mut Marked, random: &mut Random) {
    yaml::noise(file, random, 0, "x-noise");
    let shares = random.one_in(3);
    if shares {
        file.push("x-shared: &shared\n  image:");
        yaml::whole(file, random, 2);
        yaml::noise(file, random, 2, "x-inside");
    }
    file.push("services:\n");
    let step = random.pick(&[1, 2, 3, 8]);
    for service in 0..=random.below(4) {
        let pad = " ".repeat(step);
        match random.below(6) {
            // What no service takes would be no place.
            choice if shares && (choice == 1 || service == 0) => {
                file.push(&format!("{pad}s{service}:\n{pad}  <<: *shared\n{pad}  restart: always\n"));
            }
            0 => {
                file.push(&format!("{pad}s{service}: {{restart: always, image:"));
                yaml::flow_whole(file, random);
                file.push("}\n");
            }
            2 => {
                file.push(&format!("{pad}s{service}:\n{pad}  image: "));
                file.skip(random.pick(&["${IMAGE}", "app:${TAG:-1.2}", "app:$TAG", "Not-Valid:1"]));
                file.push("\n");
            }
            _ => {
                file.push(&format!("{pad}s{service}:\n"));
                service_body(file, random, step * 2);
            }
        }
    }
    yaml::noise(file, random, 0, "volumes");
}

fn service_body(file: &mut Marked, random: &mut Random, indent: usize) {
    let pad = " ".repeat(indent);
    yaml::noise(file, random, indent, "x");
    file.push(&format!("{pad}image:"));
    yaml::whole(file, random, indent);
    if random.one_in(3) {
        file.push(&format!("{pad}volumes:\n{pad}  - ./image:/image\n{pad}  - type: image\n{pad}    source:"));
        yaml::whole(file, random, indent + 4);
        file.push(&format!("{pad}    target: /x\n{pad}  - {{type: bind, source: nginx, target: /y}}\n"));
    }
    if random.one_in(3) {
        file.push(&format!("{pad}build:\n{pad}  context: .\n{pad}  additional_contexts:\n"));
        if random.one_in(2) {
            file.push(&format!("{pad}    dir: ../dir\n{pad}    base: docker-image://"));
            whole(file, random);
            yaml::end(file, random);
            file.push(&format!("{pad}    more: \"docker-image://"));
            whole(file, random);
            file.push("\"\n");
        } else {
            file.push(&format!("{pad}    - dir=../dir\n{pad}    - base=docker-image://"));
            whole(file, random);
            yaml::end(file, random);
        }
        file.push(&format!("{pad}  cache_from: [nginx:cache]\n"));
    }
}
